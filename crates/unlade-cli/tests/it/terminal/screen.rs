//! What is seen on a terminal.

use rustix::process::Signal;
use unlade_testkit::content::bytes;
use unlade_testkit::document::{Image, Index};
use unlade_testkit::process::{Run, Running, Stdout, screen};
use unlade_testkit::{Fault, LyingRegistry, Matcher, RetryAfter, Which, layout};

use super::{SIZE, registry};
use crate::common::{folder, pull, unlade};

const COLUMNS: u16 = 80;

/// Starts on a terminal as people have it.
#[track_caller]
fn start(run: Run, stdout: Stdout) -> Running {
    run.env("TERM", "xterm").start_on_terminal(COLUMNS, stdout)
}

/// Runs to a good end on a terminal, and gives what is on the screen then.
#[track_caller]
fn shown(run: Run, stdout: Stdout) -> String {
    let outcome = start(run, stdout).finish();
    outcome.assert_code(0);
    screen(&outcome.stderr, COLUMNS.into())
}

/// The digest of the blob of [`registry`], as a reference.
fn blob(registry: &LyingRegistry) -> String {
    let layer = super::digest();
    registry.reference(&format!("a/disk@{layer}"))
}

#[test]
fn a_log_is_shown_without_colours_and_without_remains_of_the_bar() {
    let (registry, folder) = (registry(), folder());
    let run = pull(&registry.reference("a/disk:v1"), folder.path()).arg("-vv");
    let outcome = start(run, Stdout::Terminal).finish();
    outcome.assert_code(0);
    assert!(!outcome.stderr.contains("\u{1b}[3"), "{:?}", outcome.stderr);
    let screen = screen(&outcome.stderr, COLUMNS.into());
    assert!(screen.contains("DEBUG") && !screen.contains("asking for"), "{screen}");
}

#[test]
fn what_goes_to_stdout_is_all_that_is_left_on_the_screen() {
    let registry = registry();
    let reference = registry.reference("a/disk:v1");
    let text = "{\n  \"schemaVersion\": 2,\n  \"layers\": []\n}";
    registry.put("a/disk", &unlade_testkit::document::Document::raw("text/json", text));
    let raw = format!("a/disk@{}", unlade_testkit::content::digest(text.as_bytes()));
    assert_eq!(shown(unlade().args(["manifest", &registry.reference(&raw)]), Stdout::Terminal), text);
    let digest = unlade().args(["digest", &reference]).run().stdout_text();
    assert_eq!(shown(unlade().args(["digest", &reference]), Stdout::Terminal), digest.trim_end());
}

#[test]
fn a_blob_on_the_terminal_has_no_bar_beside_it() {
    let registry = LyingRegistry::start();
    registry.publish("a/text", "v1", &Image::titled("text", "line one\nline two\n"));
    let reference = registry.reference("a/text:v1");
    let text = shown(unlade().args(["pull", &reference, "-o", "-", "--quiet"]), Stdout::Terminal);
    assert_eq!(text, "line one\nline two");
    let text = shown(unlade().args(["pull", &reference, "-o", "-"]), Stdout::Terminal);
    assert!(text.starts_with("line one\nline two\nstdout: 18 B from"), "{text}");
}

#[test]
fn a_server_shows_no_bar() {
    let folder = folder();
    layout::write(&folder.path().join("disk"), &[("v1", &Image::titled("a", "b"))]);
    let run = unlade().args(["serve", "--listen", "127.0.0.1:0"]).arg(folder.path());
    let running = start(run, Stdout::Terminal);
    running.stderr_line("listening on");
    running.signal(Signal::INT);
    let sent = running.finish().stderr;
    assert!(screen(&sent, COLUMNS.into()).starts_with("listening on http://127.0.0.1:"), "{sent}");
    assert!(!sent.contains("B/0 B"), "{sent}");
}

#[test]
fn a_download_is_shown_while_it_lasts() {
    let (registry, folder) = (LyingRegistry::start(), folder());
    registry.publish("a/disk", "v1", &Image::titled("disk.img", bytes(2, 4 << 20)));
    let later = Fault::ServerError { status: 503, retry_after: RetryAfter::Seconds(1) };
    registry.script(Matcher::new(Which::Blob), later);
    registry.script(Matcher::new(Which::Blob), Fault::StallBody { after: 3 << 20 });
    let running = start(pull(&registry.reference("a/disk:v1"), folder.path()), Stdout::Terminal);
    running.stderr_holds("waiting to try again");
    let drawn = running.stderr_holds("MiB/4.00 MiB");
    running.signal(Signal::INT);
    assert!(!drawn.contains("0 B/"), "{drawn}");
    let outcome = running.finish();
    outcome.assert_code(130);
    let screen = screen(&outcome.stderr, COLUMNS.into());
    assert!(screen.starts_with("trying again in 1.0 s") && screen.contains("\nkept the unfinished"), "{screen}");
    assert!(!screen.contains("MiB/"), "{screen}");
}

#[test]
fn of_a_download_that_is_done_one_line_is_left() {
    let (registry, folder) = (registry(), folder());
    let screen = shown(pull(&registry.reference("a/disk:v1"), folder.path()), Stdout::Terminal);
    let expected = format!("{}: 293.0 KiB from", folder.path().join("out.img").display());
    assert!(screen.starts_with(&expected) && !screen.contains("KiB/"), "{screen}");
}

#[test]
fn while_nothing_is_known_the_reason_is_shown_and_no_bar() {
    let (registry, folder) = (registry(), folder());
    registry.script(Matcher::new(Which::Manifest), Fault::StallBeforeHeaders);
    let run = pull(&registry.reference("a/disk:v1"), folder.path());
    let running = start(run, Stdout::Terminal);
    let drawn = running.stderr_holds("asking for");
    assert!(!drawn.contains('█') && !drawn.contains('░'), "{drawn}");
    registry.recorder().wait_for("*/manifests/*");
    running.signal(Signal::INT);
    running.finish().assert_code(130);
}

#[test]
fn a_blob_of_unknown_size_is_counted() {
    let registry = registry();
    registry.script(Matcher::new(Which::Blob), Fault::ChunkedUnfinished { after: SIZE / 2 });
    registry.script(Matcher::new(Which::Blob), Fault::ServerError { status: 503, retry_after: RetryAfter::Seconds(1) });
    let outcome = start(unlade().args(["blob", &blob(&registry)]), Stdout::Pipe).finish();
    outcome.assert_code(0);
    assert_eq!(outcome.stdout.len(), SIZE);
    assert!(outcome.stderr.contains("waiting to try again"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("/0 B"), "{}", outcome.stderr);
}

#[test]
fn a_table_fits_the_terminal() {
    let registry = registry();
    let disk = Image::titled("disk.img", bytes(1, SIZE));
    let sbom = Image::new().subject(&disk).artifact_type("application/spdx+json").build();
    registry.put("a/disk", &sbom);
    let run = || unlade().args(["referrers", &registry.reference("a/disk:v1")]);
    for columns in [20, 40, 80, 200] {
        let outcome = run().env("TERM", "xterm").start_on_terminal(columns, Stdout::Terminal).finish();
        outcome.assert_code(0);
        let lines: Vec<&str> = outcome.stderr.lines().map(str::trim_end).collect();
        assert_eq!(lines.len(), 2, "{columns}: {lines:?}");
        assert!(lines[0].starts_with("DIG") && lines[1].starts_with("sha"), "{columns}: {lines:?}");
        assert!(lines.iter().all(|line| line.chars().count() <= columns.into()), "{columns}: {lines:?}");
        assert_eq!(lines[1].contains(&sbom.digest()), columns == 200, "{columns}: {lines:?}");
    }
    let text = start(run(), Stdout::Pipe).finish().assert_code(0).stdout_text();
    assert!(text.starts_with(&format!("{}  application/spdx+json  ", sbom.digest())), "{text}");
}

#[test]
fn a_table_whose_rows_come_late_has_one_head() {
    let registry = registry();
    let disk = Image::titled("disk.img", bytes(1, SIZE));
    let kinds = ["a/b", "application/spdx+json", "application/vnd.example.signature"];
    let index = kinds.into_iter().fold(Index::new(), |index, kind| {
        let referrer = Image::new().subject(&disk).artifact_type(kind).build();
        registry.put("a/disk", &referrer);
        index.entry(referrer)
    });
    registry.publish("a/disk", &disk.digest().replace(':', "-"), &index.build());
    registry.script(Matcher::new(Which::Referrers), Fault::ReferrersAbsent { status: 404 });
    // Each of them is there at another time.
    for pause in [1, 2, 3] {
        let pause = std::time::Duration::from_millis(pause);
        registry.script(Matcher::new(Which::Manifest).skip(2), Fault::TrickleBody { pause });
    }
    let run = unlade().args(["referrers", &registry.reference("a/disk:v1")]);
    let outcome = run.env("TERM", "xterm").start_on_terminal(120, Stdout::Terminal).finish();
    outcome.assert_code(0);
    let lines: Vec<&str> = outcome.stderr.lines().map(str::trim_end).collect();
    assert_eq!(lines.iter().filter(|line| line.starts_with("DIGEST")).count(), 1, "{lines:?}");
    let place = lines[0].find("ARTIFACT TYPE").unwrap();
    let columns: Vec<_> = lines[1..].iter().map(|line| line.chars().skip(place).collect::<String>()).collect();
    for kind in kinds {
        assert!(columns.iter().any(|column| column.starts_with(kind)), "{lines:?}");
    }
}
