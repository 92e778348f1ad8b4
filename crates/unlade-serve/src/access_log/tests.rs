use std::net::Ipv6Addr;
use std::sync::Mutex;
use std::sync::mpsc::channel;

use serde_json::Value;
use unlade::observe::Blind;

use super::*;

/// A book that can be read along.
#[derive(Clone, Default)]
struct Book(Arc<Mutex<Vec<u8>>>);

impl Book {
    fn lines(&self) -> Vec<Value> {
        let bytes = self.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Write for Book {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A disk whose writes wait to be told how they end; once nobody tells any more, all is well.
struct Full {
    book: Book,
    outcomes: Receiver<bool>,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.outcomes.recv().unwrap_or(true) {
            self.book.write(bytes)
        } else {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn entry(path: &str) -> Entry {
    Entry::begin([127, 0, 0, 1].into()).asked(&Method::GET, path)
}

#[tokio::test]
async fn a_line_has_the_documented_keys_in_their_order() {
    let book = Book::default();
    let log = AccessLog::to(book.clone(), Arc::<Blind>::default()).unwrap();
    let mut first = entry("/v2/");
    first.answered(StatusCode::OK, Some("alice".into()));
    log.pen().write(first.end(2, End::Whole));
    log.pen().write(Entry::begin(Ipv6Addr::LOCALHOST.into()).end(0, End::Broken));
    log.close(Duration::from_mins(1)).await;
    let text = String::from_utf8(book.0.lock().unwrap().clone()).unwrap();
    let keys = ["time", "client", "user", "method", "path", "status", "bytes", "seconds", "complete"];
    for line in text.lines() {
        let places: Vec<_> = keys.iter().map(|key| line.find(&format!("\"{key}\":")).unwrap()).collect();
        assert!(places.is_sorted() && places[0] == 1, "{line}");
        assert_eq!(serde_json::from_str::<Value>(line).unwrap().as_object().unwrap().len(), keys.len(), "{line}");
    }
    let lines = book.lines();
    assert!(lines[0]["time"].as_str().unwrap().parse::<Timestamp>().is_ok());
    assert!(lines[0]["seconds"].as_f64().unwrap() >= 0.0);
    let told = |line: &Value| keys[1..7].iter().map(|key| line[key].clone()).collect::<Vec<_>>();
    assert_eq!(Value::from(told(&lines[0])), serde_json::json!(["127.0.0.1", "alice", "GET", "/v2/", 200, 2]));
    assert_eq!(Value::from(told(&lines[1])), serde_json::json!(["::1", null, null, null, null, 0]));
    assert_eq!((&lines[0]["complete"], &lines[1]["complete"]), (&Value::from(true), &Value::from(false)));
}

#[test]
fn what_a_client_sends_cannot_break_a_line_nor_grow_without_end() {
    for (text, expected) in [
        ("/v2/a?b", "/v2/a?b"),
        ("/\n\u{1b}[31m", "/%0A%1B[31m"),
        ("/ä \u{202e}", "/%C3%A4%20%E2%80%AE"),
        ("/0123456789abcdef", "/0123456789abcdef"),
    ] {
        assert_eq!(written(text, MAX_PATH), expected, "{text:?}");
    }
    assert_eq!(written("12345", 5), "12345");
    assert_eq!(written("123456", 5), "12345…");
    assert_eq!(written("1234\n", 5), "1234…");
    let method = Method::from_bytes(&[b'A'; 100]).unwrap();
    let entry = Entry::begin([0; 4].into()).asked(&method, &"/x".repeat(50_000));
    assert!(entry.method.unwrap().len() < 40 && entry.path.unwrap().len() < 1100);
}

#[test]
fn the_address_of_a_client_is_its_own() {
    let mapped: IpAddr = "::ffff:192.0.2.7".parse().unwrap();
    assert_eq!(Entry::begin(mapped).client.to_string(), "192.0.2.7");
}

#[tokio::test]
async fn nobody_waits_for_a_log_that_is_not_taken_and_the_next_line_counts_what_is_missing() {
    let (allow, outcomes) = channel();
    let book = Book::default();
    let log = AccessLog::to(Full { book: book.clone(), outcomes }, Arc::<Blind>::default()).unwrap();
    // The first write blocks until it is allowed; what is written meanwhile finds no room sooner or later.
    let (pen, all) = (log.pen(), BACKLOG as u64 * 3);
    (0..all).for_each(|_| pen.write(entry("/").end(0, End::Whole)));
    drop(allow);
    let mut more = 0;
    while book.lines().iter().all(|line| line["dropped"].is_null()) || log.pen.dropped.load(Ordering::Relaxed) > 0 {
        pen.write(entry("/").end(0, End::Whole));
        more += 1;
        std::thread::yield_now();
    }
    drop(pen);
    log.close(Duration::from_mins(1)).await;
    let lines = book.lines();
    let dropped: u64 = lines.iter().filter_map(|line| line["dropped"].as_u64()).sum();
    assert!(dropped > 0);
    assert_eq!(dropped + lines.len() as u64, all + more);
}

/// Keeps the warnings.
#[derive(Debug, Default)]
struct Warned(Mutex<Vec<String>>);

impl Observer for Warned {
    fn notice(&self, event: &Event) {
        if let Event::Warning { text } = event {
            self.0.lock().unwrap().push(text.clone());
        }
    }
}

#[test]
fn a_line_that_cannot_be_written_is_counted_by_the_next_and_told_once() {
    let (allow, outcomes) = channel();
    let (book, warned) = (Book::default(), Arc::<Warned>::default());
    let dropped = Arc::<AtomicU64>::default();
    let mut scribe = Scribe {
        // Without a buffer: each line is a write.
        out: BufWriter::with_capacity(0, Full { book: book.clone(), outcomes }),
        dropped: Arc::clone(&dropped),
        observer: Arc::clone(&warned) as Arc<dyn Observer>,
        troubled: false,
    };
    for outcome in [false, false, true, true, false] {
        allow.send(outcome).unwrap();
        let written = scribe.write(entry("/x").end(0, End::Whole));
        scribe.tell(written);
    }
    drop(allow);
    let lines = book.lines();
    assert_eq!(lines.iter().map(|line| line["dropped"].as_u64()).collect::<Vec<_>>(), [Some(2), None]);
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
    let (sender, inbox) = sync_channel(1);
    drop(sender);
    scribe.work(&inbox);
    let full = "the access log cannot be written: no storage space";
    assert_eq!(*warned.0.lock().unwrap(), [full, full, "the access log ends without its last lines"]);
}

#[tokio::test]
async fn a_file_is_appended_to_and_one_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    for _ in 0..2 {
        let log = AccessLog::append(&path, Arc::<Blind>::default()).unwrap();
        log.pen().write(entry("/").end(0, End::Whole));
        log.close(Duration::from_mins(1)).await;
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
    let error = AccessLog::append(folder.path(), Arc::<Blind>::default()).unwrap_err();
    assert_eq!(error.kind(), unlade::ErrorKind::Io);
    assert!(error.to_string().contains(folder.path().to_str().unwrap()), "{error}");
}
