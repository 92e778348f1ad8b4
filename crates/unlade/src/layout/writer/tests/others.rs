//! Other programs at the same layout.

use super::*;

#[test]
fn another_program_may_write_in_place_all_the_time() {
    let place = TempDir::new().unwrap();
    add(&open(place.path()), "v1").unwrap();
    let (index, version) = (place.path().join(INDEX), place.path().join(VERSION));
    let text = fs::read(&index).unwrap();
    let stop = AtomicBool::new(false);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                // Each empties the file and then fills it, as skopeo does.
                fs::write(&version, VERSION_TEXT).unwrap();
                fs::write(&index, &text).unwrap();
            }
        });
        let outcome = (0..20).try_for_each(|_| {
            add(&LayoutWriter::open(place.path(), Durability::NoSync)?, "v2")?;
            let layout = Layout::open(place.path())?;
            let found = layout.referrers_of(&manifest("v1").0, None);
            runtime.block_on(futures_util::TryStreamExt::try_collect::<Vec<_>>(found)).map(drop)
        });
        stop.store(true, Ordering::Relaxed);
        outcome.unwrap();
    });
}

#[test]
fn a_blob_that_another_program_puts_there_as_well_is_looked_at_anew() {
    let place = TempDir::new().unwrap();
    let writer = open(place.path());
    let (digest, text) = manifest("v1");
    writer.put(&digest, &text, &terms()).unwrap();
    let content = Content { digest: digest.clone(), size: Some(text.len() as u64) };
    let turns = std::cell::Cell::new(0);
    let attempt = |hindered: u32| {
        let mut target = writer.blob(&digest)?;
        let Room::Present(present) = target.prepare(&terms().job(content.clone()))? else { panic!("it is there") };
        let proof = prove(present, Verifier::begin(&content, target.ticket()))?;
        turns.set(turns.get() + 1);
        if turns.get() <= hindered {
            fs::write(place.path().join("new"), &text).unwrap();
            fs::rename(place.path().join("new"), writer.path_of(&digest)).unwrap();
        }
        Box::new(target).publish(proof)
    };
    for (hindered, expected) in [(0, Ok(1)), (1, Ok(2)), (MAX_TURNS - 1, Ok(MAX_TURNS)), (u32::MAX, Err(ErrorKind::Io))]
    {
        turns.set(0);
        let outcome = unhindered(|| attempt(hindered));
        assert_eq!(outcome.map(|_| turns.get()).map_err(|error| error.kind()), expected, "{hindered}");
        assert!(turns.get() <= MAX_TURNS);
    }
}

#[test]
fn all_who_add_at_the_same_time_are_in_the_index() {
    let place = TempDir::new().unwrap();
    let expected: Vec<String> = (10..40).map(|number| format!("v{number}")).collect();
    thread::scope(|scope| {
        for name in &expected {
            scope.spawn(|| add(&open(place.path()), name).unwrap());
        }
    });
    let mut found = names(place.path());
    found.sort();
    assert_eq!(found, expected);
    assert_eq!(listing(place.path()).len(), expected.len() + 2);
}

#[test]
fn whoever_does_not_end_is_not_waited_for_longer_than_said() {
    let place = TempDir::new().unwrap();
    let writer = open(place.path());
    add(&writer, "v1").unwrap();
    let folder = Folder::new(folder::open_root(place.path()).unwrap(), place.path());
    let job = terms().job(Content { digest: manifest("v1").0, size: None });
    let holder = lock::acquire(&folder, VERSION, &place.path().join(INDEX), &job).unwrap();
    let impatient = Terms::new(Duration::ZERO, Cancel::new(), Arc::new(Blind));
    let error = writer.publish(&[entry("v1", Some("v2"))], [], &impatient).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    drop(holder);
    writer.publish(&[entry("v1", Some("v2"))], [], &impatient).unwrap();
    assert_eq!(names(place.path()), ["v1", "v2"]);
}
