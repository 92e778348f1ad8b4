use std::time::Instant;

use unlade_testkit::helper::HelperFolder;

use super::*;

/// Far longer than any helper here takes that is not made to hang.
const PATIENCE: Duration = Duration::from_secs(30);

fn helpers(folder: &HelperFolder) -> Helpers {
    Helpers::in_folders([folder.path().to_owned()]).with_timeout(PATIENCE)
}

fn helper(script: &str) -> (HelperFolder, Helper) {
    let folder = HelperFolder::new();
    folder.add("x", script);
    let helper = helpers(&folder).find("x").unwrap();
    (folder, helper)
}

fn shown(login: Option<Credential>) -> String {
    match login {
        Some(Credential::Password { user, password }) => format!("{user}:{}", password.expose()),
        Some(Credential::IdentityToken(token)) => format!("token {}", token.expose()),
        Some(other) => format!("{other:?}"),
        None => "none".to_owned(),
    }
}

#[tokio::test]
async fn the_table_of_answers() {
    for (script, expected) in [
        (r#"printf '{"ServerURL":"r","Username":"me","Secret":"s p\\"w"}'"#, "me:s p\"w"),
        (r#"printf '{"Username":"<token>","Secret":"t"}'"#, "token t"),
        (r#"printf '{"ServerURL":"","Username":"","Secret":""}'"#, "none"),
        ("echo credentials not found in native keychain; exit 1", "none"),
        ("echo credentials not found in native keychain >&2; exit 1", "none"),
        (
            "echo no keyring; exit 3",
            "docker-credential-x cannot get the login of r: it ended with exit status: 3: no keyring",
        ),
        (
            "echo broken >&2; exit 1",
            "docker-credential-x cannot get the login of r: it ended with exit status: 1: broken",
        ),
        (
            "printf '\\033[2Jx'; exit 1",
            "docker-credential-x cannot get the login of r: it ended with exit status: 1: [2Jx",
        ),
        ("kill -9 $$", "docker-credential-x cannot get the login of r: it ended with signal: 9 (SIGKILL)"),
        (
            r#"echo '{"Secret":"hunter2"}'; exit 1"#,
            "docker-credential-x cannot get the login of r: it ended with exit status: 1",
        ),
        ("echo hunter2", "docker-credential-x answered get with 8 bytes that are not what helpers say"),
        (
            r#"echo '{"Username":"me","Secret":7}'"#,
            "docker-credential-x answered get with 29 bytes that are not what helpers say",
        ),
        ("", "docker-credential-x answered get with 0 bytes that are not what helpers say"),
    ] {
        let (_folder, helper) = helper(script);
        let found = helper.get("r").await.map_or_else(|error| error.chain().join(": "), shown);
        assert_eq!(found, expected, "{script}");
    }
}

#[tokio::test]
async fn a_helper_that_hangs_is_ended_with_all_that_it_started() {
    let folder = HelperFolder::new();
    folder.add("x", "sleep 60 & echo $! > \"$0.child\"; wait");
    let helper = helpers(&folder).with_timeout(Duration::from_millis(500)).find("x").unwrap();
    let begun = Instant::now();
    let error = helper.get("r").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "docker-credential-x cannot get the login of r: it did not answer within 0.5 s, and was ended"
    );
    assert!(begun.elapsed() < PATIENCE);
    assert_ended(&folder);
}

#[tokio::test]
async fn a_helper_that_nobody_waits_for_is_ended() {
    let (folder, helper) = helper("sleep 60 & echo $! > \"$0.child\"; wait");
    let mut asking = Box::pin(helper.get("r"));
    let begun = Instant::now();
    while std::fs::read(folder.path().join("docker-credential-x.child")).unwrap_or_default().is_empty() {
        assert!(begun.elapsed() < PATIENCE, "it never started");
        assert!(tokio::time::timeout(Duration::from_millis(5), &mut asking).await.is_err());
    }
    drop(asking);
    assert_ended(&folder);
}

/// Waits until what the helper has started is gone.
#[track_caller]
fn assert_ended(folder: &HelperFolder) {
    let child = std::fs::read_to_string(folder.path().join("docker-credential-x.child")).unwrap();
    let begun = Instant::now();
    // A process that nobody has asked after yet has ended all the same.
    let state = || std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
    while !state().is_empty() && !state().contains(") Z ") {
        assert!(begun.elapsed() < PATIENCE, "it is still there: {}", state());
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn a_helper_that_writes_without_end_is_ended() {
    let (_folder, helper) = helper("exec yes");
    let error = helper.get("r").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "docker-credential-x cannot get the login of r: it wrote more than 262144 bytes, and was ended"
    );
    let (_folder, helper) = self::helper(r#"head -c 5000000 /dev/zero >&2; printf '{"Username":"me","Secret":"s"}'"#);
    assert_eq!(shown(helper.get("r").await.unwrap()), "me:s");
}

#[tokio::test]
async fn what_a_helper_leaves_behind_is_not_waited_for() {
    let (folder, helper) = helper(r#"sleep 60 & echo $! > "$0.child"; printf '{"Username":"me","Secret":"s"}'"#);
    let begun = Instant::now();
    let login = helper.get("r").await;
    let child = std::fs::read_to_string(folder.path().join("docker-credential-x.child")).unwrap();
    let child = rustix::process::Pid::from_raw(child.trim().parse().unwrap()).unwrap();
    // It was left alone, and nobody else ends it.
    rustix::process::kill_process(child, rustix::process::Signal::KILL).unwrap();
    assert_eq!(shown(login.unwrap()), "me:s");
    assert!(begun.elapsed() < PATIENCE);
}

#[tokio::test]
async fn logins_are_kept_listed_and_erased() {
    let folder = HelperFolder::new();
    folder.add_keeper("keeper");
    let keeper = helpers(&folder).find("keeper").unwrap();
    assert_eq!(shown(keeper.get("r.example:5000").await.unwrap()), "none");
    for (user, secret) in [("me", "s\"p"), ("<token>", "t")] {
        let login = Credential::of_user(user, secret);
        keeper.store("r.example:5000", &login).await.unwrap();
        assert_eq!(keeper.get("r.example:5000").await.unwrap(), Some(login));
    }
    assert_eq!(keeper.list().await.unwrap(), ["r.example:5000"]);
    assert!(keeper.erase("r.example:5000").await.unwrap());
    assert!(!keeper.erase("r.example:5000").await.unwrap());
    assert!(keeper.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_helper_that_repeats_the_login_in_its_failure_is_not_quoted() {
    let (_folder, helper) = helper("echo \"cannot keep hunter2 of me\"; exit 1");
    let error = helper.store("r", &Credential::of_user("me", "hunter2")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "docker-credential-x cannot store the login for r: it ended with exit status: 1: cannot keep *** of me"
    );
}

#[test]
fn names_lead_nowhere_else() {
    let folder = HelperFolder::new();
    folder.add("x-1.y_z", "");
    assert_eq!(helpers(&folder).find("x-1.y_z").unwrap().program(), "docker-credential-x-1.y_z");
    for name in ["../x", "", "a/b", "x y", "x\u{1b}[2J", "ü"] {
        assert_eq!(helpers(&folder).find(name).unwrap_err().kind(), ErrorKind::InvalidInput, "{name:?}");
    }
    assert_eq!(
        helpers(&folder).find("gone").unwrap_err().to_string(),
        "docker-credential-gone is not installed in any folder of PATH"
    );
    std::fs::write(folder.path().join("docker-credential-text"), "").unwrap();
    assert!(helpers(&folder).find("text").is_err(), "it may not be run");
    assert!(Helpers::in_folders(["relative".into(), "".into()]).find("x").is_err());
}
