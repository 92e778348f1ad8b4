use super::*;

fn at_home() -> Journey {
    Journey::begin("https://registry.example/v2/a/blobs/x".parse().unwrap())
}

fn abroad() -> Journey {
    let mut journey = at_home();
    journey.hop("https://cdn.example/x?signature=1".parse().unwrap(), &[]);
    journey
}

#[test]
fn the_table_of_steps() {
    let mut answered_abroad = abroad();
    answered_abroad.note_answered(Objection::Missing);
    let mut second_visit = abroad();
    second_visit.give_up_target();
    second_visit.hop("https://cdn.example/x?signature=2".parse().unwrap(), &[]);
    let mut tired = at_home();
    for hop in 0..MAX_HOPS {
        tired.hop(format!("https://cdn.example/{hop}").parse().unwrap(), &[]);
    }
    for (name, journey, status, expected) in [
        ("an answer", &at_home(), 200, Step::Accept),
        ("a part", &abroad(), 206, Step::Accept),
        ("a redirect", &at_home(), 307, Step::Follow),
        ("a redirect of a redirect", &abroad(), 302, Step::Follow),
        ("a redirect too many", &tired, 302, Step::TooManyHops),
        ("not modified", &at_home(), 304, Step::Refuse),
        ("a challenge", &at_home(), 401, Step::Authenticate),
        ("a challenge abroad", &abroad(), 401, Step::Authenticate),
        ("a second challenge abroad", &answered_abroad, 401, Step::Return),
        ("an expired signature", &abroad(), 403, Step::Return),
        ("an expired signature again", &second_visit, 403, Step::Refuse),
        ("a refusal", &at_home(), 403, Step::Refuse),
        ("nothing there", &at_home(), 404, Step::Refuse),
        ("a range that does not fit", &abroad(), 416, Step::Refuse),
        ("too many requests", &at_home(), 429, Step::Retry),
        ("a broken store", &abroad(), 503, Step::Retry),
        ("what it does not know how to do", &at_home(), 501, Step::Refuse),
    ] {
        let found = journey.judge(StatusCode::from_u16(status).unwrap(), Objection::Missing);
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn a_login_is_shown_once_and_renewed_once() {
    use Objection::{Missing, Refused, Stale, Unexplained};
    use Step::{Authenticate, Refuse};
    for (earlier, objection, expected) in [
        (&[] as &[Objection], Missing, Authenticate),
        (&[], Stale, Authenticate),
        (&[], Unexplained, Authenticate),
        (&[], Refused, Refuse),
        (&[Missing], Missing, Refuse),
        (&[Missing], Stale, Authenticate),
        (&[Missing], Unexplained, Authenticate),
        (&[Missing], Refused, Refuse),
        (&[Stale], Stale, Refuse),
        (&[Unexplained], Stale, Refuse),
        (&[Missing, Stale], Stale, Refuse),
    ] {
        let mut journey = at_home();
        for earlier in earlier {
            journey.note_answered(*earlier);
        }
        let found = journey.judge(StatusCode::UNAUTHORIZED, objection);
        assert_eq!(found, expected, "{objection:?} after {earlier:?}");
    }
}

#[test]
fn a_token_that_expires_between_two_tries_is_renewed() {
    let mut journey = at_home();
    journey.note_answered(Objection::Stale);
    assert_eq!(journey.judge(StatusCode::UNAUTHORIZED, Objection::Stale), Step::Refuse);
    journey.restart();
    assert_eq!(journey.judge(StatusCode::UNAUTHORIZED, Objection::Stale), Step::Authenticate);
}

#[test]
fn a_return_is_no_retry() {
    let mut journey = at_home();
    journey.note_answered(Objection::Stale);
    journey.hop("https://cdn.example/x".parse().unwrap(), &[]);
    journey.give_up_target();
    assert_eq!(journey.judge(StatusCode::UNAUTHORIZED, Objection::Stale), Step::Refuse);
}

#[test]
fn a_way_back_is_not_home() {
    let mut journey = abroad();
    journey.hop("https://registry.example/chosen/by/the/store".parse().unwrap(), &[]);
    assert!(!journey.is_home());
    let mut journey = at_home();
    journey.hop("https://registry.example/elsewhere".parse().unwrap(), &[]);
    assert!(journey.is_home());
}

#[test]
fn a_trusted_host_is_trusted_as_far_as_nobody_else_led_there() {
    let trusted = ["cdn.example".to_owned(), "registry.example".to_owned()];
    let mut journey = at_home();
    journey.hop("https://cdn.example/x".parse().unwrap(), &trusted);
    assert!(journey.is_in_good_hands() && !journey.is_home());
    journey.hop("https://elsewhere.example/x".parse().unwrap(), &trusted);
    journey.hop("https://registry.example/x".parse().unwrap(), &trusted);
    assert!(!journey.is_in_good_hands());
}

#[test]
fn what_begins_abroad_is_anonymous_there_and_comes_home_once_refused() {
    let next = abroad().outset("https://cdn.example/y".parse().unwrap());
    let mut journey = at_home().starting_at(Some(next));
    assert_eq!(journey.url().as_str(), "https://cdn.example/y");
    assert!(!journey.is_home() && !journey.is_in_good_hands());
    journey.hop("https://cdn.example/z".parse().unwrap(), &[]);
    journey.restart();
    assert_eq!(journey.url().as_str(), "https://cdn.example/y");
    assert!(!journey.is_home());
    assert_eq!(journey.judge(StatusCode::FORBIDDEN, Objection::Missing), Step::Return);
    journey.give_up_target();
    assert!(journey.is_home());
    assert_eq!(journey.url(), at_home().url());
}

#[test]
fn a_target_is_begun_at_while_it_works() {
    let next = || at_home().starting_at(abroad().target());
    assert_eq!(next().url(), abroad().url());
    assert!(!next().is_in_good_hands());
    for status in [400, 401, 402, 403, 404, 405, 410, 416, 451, 501] {
        let mut journey = next();
        journey.note_answered(Objection::Missing);
        let step = journey.judge(StatusCode::from_u16(status).unwrap(), Objection::Missing);
        assert_eq!(step, Step::Return, "{status}");
    }
    let mut retried = next();
    retried.restart();
    assert!(retried.is_home(), "a retry asks the registry for another");
    let mut failed = next();
    assert!(failed.leave_outset() && failed.is_home());
    assert!(!failed.leave_outset(), "only once");
}

#[test]
fn only_a_place_that_was_shown_no_login_is_begun_at() {
    let trusted = ["cdn.example".to_owned()];
    let mut journey = at_home();
    assert!(journey.target().is_none(), "the registry");
    journey.hop("https://cdn.example/x".parse().unwrap(), &trusted);
    assert!(journey.target().is_none(), "a host that is trusted with the login");
    journey.hop("https://elsewhere.example/x".parse().unwrap(), &trusted);
    assert!(journey.target().is_some());
    let listed = journey.outset("https://elsewhere.example/y".parse().unwrap());
    assert!(!at_home().starting_at(Some(listed)).leave_outset(), "the next page is nowhere else");
}

#[test]
fn a_retry_begins_at_the_registry() {
    let mut journey = abroad();
    assert!(!journey.is_home());
    journey.restart();
    assert!(journey.is_home());
    assert_eq!(journey.judge(StatusCode::FORBIDDEN, Objection::Missing), Step::Refuse);
}
