//! One scene, its lies, and what must come of them.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use unlade_testkit::process::{Outcome, files};
use unlade_testkit::{Fault, Matcher, Recorder};

use super::transcript;
use super::world::{Elsewhere, Login, Places, Question, REPOSITORY, SECRETS, Setup, World};
use crate::common::folder;

/// A scene, its lies, and what must come of them.
pub(super) struct Case {
    setup: Setup,
    arguments: Vec<&'static str>,
    lies: Vec<Lie>,
    end: End,
    registry: Vec<String>,
    elsewhere: Vec<String>,
    says: Vec<&'static str>,
    attempts: Option<u64>,
    fetched: Option<[u64; 2]>,
    lasts: Duration,
    keeps: &'static [&'static str],
    also: Option<fn(&World, &Outcome)>,
}

struct Lie {
    at: At,
    matcher: Matcher,
    fault: Box<dyn Fn(&Places) -> Fault>,
}

#[derive(Clone, Copy)]
enum At {
    Elsewhere,
    Registry,
}

/// How the command ends.
#[derive(Clone, Copy)]
enum End {
    Fails { kind: &'static str, code: i32 },
    Succeeds,
}

/// What has the final name before the command runs.
#[derive(Clone, Copy)]
enum Ground {
    Empty,
    Taken,
}

const OLD: &[u8] = b"what was there before";

impl Case {
    /// Begins with a pull by tag of a blob of 100,000 bytes from a registry that everybody may read.
    pub(super) fn new() -> Self {
        Self {
            setup: Setup::default(),
            arguments: Vec::new(),
            lies: Vec::new(),
            end: End::Succeeds,
            registry: Vec::new(),
            elsewhere: Vec::new(),
            says: Vec::new(),
            attempts: None,
            fetched: None,
            lasts: Duration::ZERO,
            keeps: &[],
            also: None,
        }
    }

    pub(super) fn login(mut self, login: Login) -> Self {
        self.setup.login = login;
        self
    }

    pub(super) fn asks(mut self, question: Question) -> Self {
        self.setup.question = question;
        self
    }

    pub(super) fn elsewhere_is(mut self, elsewhere: Elsewhere) -> Self {
        self.setup.elsewhere = elsewhere;
        self
    }

    pub(super) fn size(mut self, size: usize) -> Self {
        self.setup.size = size;
        self
    }

    pub(super) fn tls(mut self) -> Self {
        self.setup.tls = true;
        self
    }

    pub(super) fn arguments(mut self, arguments: &[&'static str]) -> Self {
        self.arguments.extend(arguments);
        self
    }

    /// Makes the registry lie.
    pub(super) fn lie(self, matcher: Matcher, fault: Fault) -> Self {
        self.lie_about(matcher, move |_| fault.clone())
    }

    /// Makes the registry tell a lie that names a place.
    pub(super) fn lie_about(self, matcher: Matcher, fault: impl Fn(&Places) -> Fault + 'static) -> Self {
        self.lie_at(At::Registry, matcher, fault)
    }

    /// Makes the other origin lie.
    pub(super) fn lie_elsewhere(self, matcher: Matcher, fault: impl Fn(&Places) -> Fault + 'static) -> Self {
        self.lie_at(At::Elsewhere, matcher, fault)
    }

    fn lie_at(mut self, at: At, matcher: Matcher, fault: impl Fn(&Places) -> Fault + 'static) -> Self {
        self.lies.push(Lie { at, matcher, fault: Box::new(fault) });
        self
    }

    /// Expects the right bytes, and these requests at the registry.
    pub(super) fn succeeds(mut self, registry: &[&str]) -> Self {
        self.end = End::Succeeds;
        self.registry = owned(registry);
        self
    }

    /// Expects an error, no file, and these requests at the registry.
    pub(super) fn fails(mut self, kind: &'static str, code: i32, registry: &[&str]) -> Self {
        self.end = End::Fails { kind, code };
        self.registry = owned(registry);
        self
    }

    /// Expects these requests at the other origin; none without this.
    pub(super) fn elsewhere(mut self, elsewhere: &[&str]) -> Self {
        self.elsewhere = owned(elsewhere);
        self
    }

    /// Expects these words in the error, its causes or its hint; in the notes of a success.
    pub(super) fn says(mut self, words: &[&'static str]) -> Self {
        self.says.extend(words);
        self
    }

    /// Expects the error to speak of so many tries.
    pub(super) fn attempts(mut self, attempts: u64) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// Expects so many bytes of the blob to have come, and so many to have been spared.
    pub(super) fn fetched(mut self, fetched: u64, resumed: u64) -> Self {
        self.fetched = Some([fetched, resumed]);
        self
    }

    /// Expects the command to have taken at least so long.
    pub(super) fn lasts(mut self, least: Duration) -> Self {
        self.lasts = least;
        self
    }

    /// Expects a failure to leave the unfinished file, for the next run to go on with.
    pub(super) fn keeps_partial(mut self) -> Self {
        self.keeps = &[".out.img.unlade-journal", ".out.img.unlade-partial"];
        self
    }

    /// Checks something of this case alone.
    pub(super) fn also(mut self, check: fn(&World, &Outcome)) -> Self {
        self.also = Some(check);
        self
    }

    /// Gives the numbers of the lies.
    pub(super) fn numbers(&self) -> Vec<u16> {
        self.lies.iter().map(|lie| (lie.fault)(&Places::example()).number()).collect()
    }

    /// Plays the scene without a lie, then with the lies: a failure twice, with nothing at the final name and with a
    /// file there.
    #[track_caller]
    pub(super) fn play(&self) {
        let (end, registry) = (self.setup.honest_end(), self.setup.honest_requests());
        let world = World::start(&self.setup);
        self.run(&world, Ground::Taken, end);
        self.expect("without a lie, the registry", world.registry.recorder(), &registry);
        let elsewhere = self.setup.honest_requests_elsewhere();
        self.expect("without a lie, the other", world.elsewhere().recorder(), &elsewhere);
        drop(world);

        self.lied_to(Ground::Empty);
        if matches!(self.end, End::Fails { .. }) && self.setup.question.is_pull() {
            self.lied_to(Ground::Taken);
        }
    }

    #[track_caller]
    fn lied_to(&self, ground: Ground) {
        let world = World::start(&self.setup);
        let places = world.places();
        for Lie { at, matcher, fault } in &self.lies {
            match at {
                At::Elsewhere => world.elsewhere().script(matcher.clone(), fault(&places)),
                At::Registry => world.registry.script(matcher.clone(), fault(&places)),
            }
        }
        let started = Instant::now();
        let outcome = self.run(&world, ground, self.end);
        assert!(started.elapsed() >= self.lasts, "it was over after {:?}", started.elapsed());
        self.expect("the registry", world.registry.recorder(), &self.registry);
        self.expect("the other origin", world.elsewhere().recorder(), &self.elsewhere);
        self.check_words(&outcome);
        if let Some(check) = self.also {
            check(&world, &outcome);
        }
    }

    /// Holds what a server saw to what was expected. A blob that comes over several connections is asked for in an order
    /// of chance: its requests are for the case to count.
    #[track_caller]
    fn expect(&self, who: &str, seen: &Recorder, expected: &[String]) {
        let is_left_out = |what: &str| self.setup.is_parallel() && transcript::is_of_a_part(what);
        let seen: Vec<_> = seen.requests().into_iter().filter(|request| !is_left_out(&request.path)).collect();
        let expected: Vec<_> = expected.iter().filter(|line| !is_left_out(line)).cloned().collect();
        transcript::expect(who, &seen, &expected);
    }

    /// Runs the command, and checks all that an end promises.
    #[track_caller]
    fn run(&self, world: &World, ground: Ground, end: End) -> Outcome {
        let folder = folder();
        let target = folder.path().join("out.img");
        if matches!(ground, Ground::Taken) {
            fs::write(&target, OLD).expect("write the file that was there before");
        }
        let run = world
            .command(folder.path())
            .args(&self.arguments)
            // Power cuts are not tried here, and a busy disk would only make the tests wait.
            .env("UNLADE_NO_SYNC", "true")
            .env("UNLADE_STALL_TIMEOUT", "10s")
            .env("UNLADE_RESPONSE_TIMEOUT", "10s")
            .env("UNLADE_RETRIES", "3")
            .timeout(Duration::from_secs(40));
        let outcome = run.run();
        // Not `assert_code`, which would show a blob on stdout as well.
        let code = outcome.code;
        match end {
            End::Succeeds => {
                assert_eq!(code, Some(0), "exit code; stderr:\n{}", outcome.stderr);
                self.check_success(world, &outcome, folder.path());
            }
            End::Fails { kind, code: expected } => {
                assert_eq!(code, Some(expected), "exit code; stderr:\n{}", outcome.stderr);
                let error = error(&outcome);
                assert_eq!((error["kind"].as_str(), error["exit_code"].as_i64()), (Some(kind), Some(expected.into())));
                check_left(folder.path(), ground, self.keeps);
            }
        }
        check_output(&outcome, self.setup.question);
        world.assert_decent();
        outcome
    }

    #[track_caller]
    fn check_success(&self, world: &World, outcome: &Outcome, folder: &Path) {
        if self.setup.question == Question::RawBlob {
            assert!(outcome.stdout == world.payload(), "stdout holds other bytes than the blob");
            return;
        }
        let report: Value = serde_json::from_slice(&outcome.stdout).expect("stdout holds one JSON document");
        match self.setup.question {
            Question::Resolve => return assert_eq!(report["digest"], world.digest()),
            Question::Referrers | Question::LatestReferrer => {
                return assert_eq!(report["subject"], world.digest());
            }
            Question::Tags => {
                return assert_eq!(report["repository"], world.registry.reference(REPOSITORY));
            }
            _ => {}
        }
        assert_eq!(files(folder), ["out.img"]);
        let content = fs::read(folder.join("out.img")).expect("read what was pulled");
        assert!(content == world.payload(), "the file holds other bytes than the blob");
        assert_eq!(report["files"][0]["size"], world.payload().len());
        assert_eq!(report["files"][0]["status"], "downloaded");
    }

    /// Gives what is text on stdout: a blob is none.
    fn document(&self, outcome: &Outcome) -> String {
        match (self.setup.question, self.end) {
            (Question::RawBlob, End::Succeeds) => String::new(),
            (Question::RawBlob, End::Fails { .. }) => error(outcome).to_string(),
            _ => outcome.stdout_text(),
        }
    }

    #[track_caller]
    fn check_words(&self, outcome: &Outcome) {
        let document = self.document(outcome);
        for words in &self.says {
            assert!(
                document.contains(words) || outcome.stderr.contains(words),
                "{words:?} is said nowhere; stdout:\n{document}\nstderr:\n{}",
                outcome.stderr
            );
        }
        if let Some(attempts) = self.attempts {
            assert_eq!(error(outcome)["attempts"], attempts, "{document}");
        }
        if let Some(fetched) = self.fetched {
            let report: Value = serde_json::from_str(&document).expect("stdout holds one JSON document");
            let file = &report["files"][0];
            assert_eq!([&file["bytes_fetched"], &file["bytes_resumed"]], [fetched[0], fetched[1]], "{document}");
        }
    }
}

impl Setup {
    fn honest_end(&self) -> End {
        match self.question {
            Question::MissingTag => End::Fails { kind: "NotFound", code: 3 },
            _ => End::Succeeds,
        }
    }
}

/// Reads the error in the document on stdout, or in the last line of progress.
#[track_caller]
pub(super) fn error(outcome: &Outcome) -> Value {
    let last = outcome.stderr.lines().last().unwrap_or_default();
    let document = if last.starts_with('{') { last.to_owned() } else { outcome.stdout_text() };
    let document: Value = serde_json::from_str(&document).expect("the error document is JSON");
    document["error"].clone()
}

/// After a failure nothing has the final name that was not there before, and nothing unfinished is left but what is kept.
#[track_caller]
fn check_left(folder: &Path, ground: Ground, keeps: &[&str]) {
    match ground {
        Ground::Empty => assert_eq!(files(folder), keeps, "files are left"),
        Ground::Taken => {
            assert_eq!(files(folder), [keeps, &["out.img"]].concat());
            let content = fs::read(folder.join("out.img")).expect("read the file that was there before");
            assert_eq!(content, OLD, "the file that was there before was touched");
        }
    }
}

/// No output may steer a terminal, or show a secret.
#[track_caller]
fn check_output(outcome: &Outcome, question: Question) {
    let stdout = outcome.stdout_text();
    let shown = if question == Question::RawBlob { "" } else { &stdout };
    for text in [shown, &outcome.stderr] {
        let steering = text.chars().find(|c| (c.is_control() && *c != '\n') || is_bidirectional(*c));
        assert_eq!(steering, None, "{text:?}");
        for secret in SECRETS {
            assert!(!text.contains(secret), "{secret} is shown: {text}");
        }
        assert!(text.len() < 8 << 10, "the output has {} bytes", text.len());
        assert!(!text.contains("panicked"), "{text}");
    }
    // JSON hides what steers behind escapes, where a program that prints the value would find it again.
    assert!(!shown.contains("\\u00") && !shown.contains("\\u20"), "{shown}");
}

fn is_bidirectional(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn owned(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|&line| line.to_owned()).collect()
}
