//! So few files may be open that the command cannot work: it says so, or does.

use unlade_testkit::process::Outcome;

use super::scene::Scene;
use crate::common::{folder, registry_of, shell, unlade};

#[test]
fn with_any_number_of_descriptors_a_run_ends_well_or_says_why_not() {
    let scene = Scene::file(3_500_000);
    let registry = registry_of(&scene.document);
    let mut enough = 0;
    for count in 3.. {
        let about = format!("ulimit -n {count}");
        let place = folder();
        let root = place.path().join("root");
        scene.start.write(&root);
        let run = shell(&format!("{about}; exec \"$UNLADE\" \"$@\"")).arg("sh");
        let outcome = scene.command(run, &registry.host(), &root).args(["--retries", "0"]).run();
        scene.assert_right(&root, &about);
        let Outcome { code, stderr, .. } = &outcome;
        assert!(!stderr.contains("panicked"), "{about}: {stderr}");
        match code {
            Some(0) => enough += 1,
            Some(6 | 7) => assert!(stderr.contains("Too many open files"), "{about}: {stderr}"),
            // The loader itself cannot open what the program needs.
            Some(127) => assert!(count < 5 && stderr.contains("shared"), "{about}: {stderr}"),
            code => panic!("{about}: {code:?}: {stderr}"),
        }
        let outcome = scene.command(unlade(), &registry.host(), &root).run();
        scene.assert_done(&root, &outcome, &about);
        if enough == 5 {
            assert!((14..40).contains(&count), "{count} are needed");
            return;
        }
    }
}
