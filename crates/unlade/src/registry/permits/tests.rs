use futures_util::FutureExt as _;
use tokio::time::Instant;

use super::*;

fn permits(most: usize) -> Arc<Permits> {
    Arc::new(Permits::new(NonZeroUsize::new(most).unwrap()))
}

/// Takes a permit that must be free.
fn taken(permits: &Arc<Permits>, zeal: Zeal) -> Option<Permit> {
    permits.take(zeal).now_or_never().flatten()
}

fn all(permits: &Arc<Permits>) -> Vec<Permit> {
    std::iter::from_fn(|| taken(permits, Zeal::Spare)).collect()
}

/// What happens to a host, in words: `+` a permit is taken, `-` one falls back, `!` the last one is refused, `w` one
/// ends well and another takes its place.
fn limit_after(most: usize, script: &str) -> usize {
    let mut tally = Tally::new(most);
    let mut epochs = Vec::new();
    for step in script.chars() {
        match step {
            '+' => epochs.push(tally.take(None).expect("a permit is free")),
            '-' => {
                epochs.pop();
                tally.in_use -= 1;
            }
            '!' => tally.refused(*epochs.last().unwrap()),
            'w' => {
                tally.ended_well();
                epochs.remove(0);
                epochs.push(tally.epoch);
            }
            other => panic!("{other} is no step"),
        }
    }
    tally.limit
}

#[test]
fn the_table_of_limits() {
    for (name, most, script, limit) in [
        ("at first all are allowed", 8, "", 8),
        ("a refusal halves what was in use", 8, "++++++++!", 4),
        ("what is in use counts, not what is allowed", 8, "+++++!", 2),
        ("one is always allowed", 8, "++!", 1),
        ("a single one says nothing of their number", 8, "+!", 8),
        ("those that were under way together count once", 8, "++++++++!-!-!-!", 4),
        ("a refusal of what came later counts again", 8, "++++++++!-----+!", 2),
        ("a round that ends well allows one more", 8, "++++++++!----wwww", 5),
        ("and less than a round none", 8, "++++++++!----www", 4),
        ("round after round, up to the most", 8, "++++++++!----wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww", 8),
        ("of one more that is refused only that is taken back", 8, "++++++++!----wwww+!-", 4),
        ("which is then tried again after two rounds", 8, "++++++++!----wwww+!-wwwwwww", 4),
        ("and not before", 8, "++++++++!----wwww+!-wwwwwwww", 5),
        ("what was under way with it does not count again", 8, "++++++++!----wwww+!-!", 4),
        ("what came later halves", 8, "++++++++!----wwww+!-w!", 2),
        ("a host of one stays at one", 1, "+!", 1),
        ("many that end well at a host that refuses nothing", 3, "+++wwwwwwwwwwww", 3),
    ] {
        assert_eq!(limit_after(most, script), limit, "{name}: {script}");
    }
}

#[test]
fn patience_with_a_host_that_refuses_one_more_has_an_end() {
    let mut tally = Tally::new(8);
    tally.limit = 1;
    tally.in_use = 2;
    for _ in 0..100 {
        tally.probing = true;
        tally.refused(tally.epoch);
    }
    assert_eq!((tally.limit, tally.rounds), (1, MAX_ROUNDS));
}

#[tokio::test]
async fn no_more_are_given_than_are_allowed() {
    let permits = permits(3);
    let held = all(&permits);
    assert_eq!(held.len(), 3);
    assert!(taken(&permits, Zeal::Stubborn).is_none());
    drop(held);
    assert_eq!(all(&permits).len(), 3);
}

#[test]
fn a_refusal_lowers_what_is_given_and_good_ends_raise_it() {
    let permits = permits(8);
    let held = all(&permits);
    held.iter().for_each(Permit::refused);
    drop(held);
    let held = all(&permits);
    assert_eq!(held.len(), 4);
    held.into_iter().for_each(Permit::well);
    assert_eq!(all(&permits).len(), 5);
}

#[tokio::test]
async fn what_falls_back_goes_to_those_who_wait_and_not_to_spares() {
    let permits = permits(1);
    let held = taken(&permits, Zeal::Spare).unwrap();
    let mut waiting = Box::pin(permits.take(Zeal::Stubborn));
    assert!(waiting.as_mut().now_or_never().is_none());
    drop(held);
    assert!(taken(&permits, Zeal::Spare).is_none(), "it was promised to another");
    let second = waiting.now_or_never().flatten();
    assert!(second.is_some());
    drop(second);
    assert!(taken(&permits, Zeal::Spare).is_some(), "nobody waits any more");
}

#[tokio::test]
async fn who_asks_again_and_again_leaves_others_their_turn() {
    let permits = permits(1);
    let turns = std::sync::Mutex::new(Vec::new());
    let job = async |name: char| {
        for _ in 0..4 {
            let permit = permits.take(Zeal::Stubborn).await.unwrap();
            turns.lock().unwrap().push(name);
            tokio::task::yield_now().await;
            // The next one is asked for in the same breath.
            permit.well();
        }
    };
    tokio::join!(job('a'), job('b'));
    assert_eq!(turns.into_inner().unwrap(), ['a', 'b', 'a', 'b', 'a', 'b', 'a', 'b']);
}

#[tokio::test]
async fn who_stops_waiting_holds_nobody_up() {
    let permits = permits(1);
    let held = taken(&permits, Zeal::Stubborn).unwrap();
    let mut first = Box::pin(permits.take(Zeal::Stubborn));
    let mut second = Box::pin(permits.take(Zeal::Stubborn));
    assert!(first.as_mut().now_or_never().is_none() && second.as_mut().now_or_never().is_none());
    drop(held);
    // The first one had been told.
    drop(first);
    assert!(second.now_or_never().flatten().is_some());
}

#[tokio::test(start_paused = true)]
async fn several_who_wait_are_all_served() {
    let permits = permits(2);
    let jobs = (0..20).map(|_| async {
        let permit = permits.take(Zeal::Stubborn).await.unwrap();
        assert!(permits.tally().in_use <= 2);
        tokio::time::sleep(Duration::from_secs(1)).await;
        permit.well();
    });
    let started = Instant::now();
    futures_util::future::join_all(jobs).await;
    assert_eq!(started.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn where_nothing_moves_nobody_waits_for_ever() {
    let permits = permits(1);
    let started = Instant::now();
    let held = permits.take(Zeal::Stubborn).await.unwrap();
    let moving = async {
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_secs(20)).await;
            held.moved();
        }
    };
    let (second, ()) = tokio::join!(permits.take(Zeal::Stubborn), moving);
    assert!(second.is_some());
    // The body moved until 100 s, which the look at 120 s still saw.
    assert_eq!(started.elapsed().as_secs(), 150);
    assert!(taken(&permits, Zeal::Spare).is_none());
}
