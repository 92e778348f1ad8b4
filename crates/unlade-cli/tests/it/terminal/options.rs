//! Options, and the variables that stand for them.

use unlade_testkit::process::Run;

use super::registry;
use crate::common::{folder, pull, unlade};

/// Names and values.
type Variables = &'static [(&'static str, &'static str)];

#[test]
fn variables_are_read_as_people_set_them() {
    let (registry, folder) = (registry(), folder());
    let reference = registry.reference("a/disk:v1");
    let pull = || pull(&reference, folder.path());
    let cases: [(&str, Run, Variables); 9] = [
        ("one for true", pull(), &[("UNLADE_JSON", "1"), ("UNLADE_QUIET", "yes"), ("UNLADE_PLAIN_HTTP", "TRUE")]),
        ("nothing for unset", pull(), &[("UNLADE_AUTHFILE", ""), ("UNLADE_RETRIES", ""), ("UNLADE_JSON", "")]),
        ("no architecture", pull(), &[("UNLADE_ARCH", ""), ("UNLADE_PLATFORM", "")]),
        ("off", pull(), &[("UNLADE_JSON", "0"), ("UNLADE_OVERWRITE", "off")]),
        ("an option wins", pull().args(["--arch", "arm64"]), &[("UNLADE_PLATFORM", "linux/amd64")]),
        ("another option wins", pull().arg("-q"), &[("UNLADE_VERBOSE", "1")]),
        ("and another", pull().arg("-v"), &[("UNLADE_QUIET", "true")]),
        ("a bare address", pull().args(["--allow-net", "10.1.2.3,fd00::1"]), &[]),
        ("a bare address in a variable", pull(), &[("UNLADE_ALLOW_NET", "10.1.2.3")]),
    ];
    for (name, run, variables) in cases {
        let run = variables.iter().fold(run, |run, (variable, value)| run.env(variable, value));
        let outcome = run.run();
        assert_eq!(outcome.code, Some(0), "{name}: {}", outcome.stderr);
    }
}

#[test]
fn a_timeout_of_zero_is_none() {
    let (registry, folder) = (registry(), folder());
    let none = ["--connect-timeout", "0", "--response-timeout", "0s", "--stall-timeout", "0ms"];
    pull(&registry.reference("a/disk:v1"), folder.path()).args(none).run().assert_code(0);
}

#[test]
fn a_name_may_begin_with_a_dash() {
    let registry = registry();
    let run = unlade().args(["pull", &registry.reference("a/disk:v1"), "-o", "-dash"]);
    run.run().assert_code(0);
    assert!(run.home().join("-dash").is_file());
}

#[test]
fn help_is_a_verb_too() {
    let outcome = unlade().args(["help", "pull"]).run();
    outcome.assert_code(0);
    assert!(outcome.stdout_text().contains("--output"), "{}", outcome.stdout_text());
}
