//! How many connections a large blob comes over, counted at the server.

use unlade_testkit::content::bytes;
use unlade_testkit::document::Image;
use unlade_testkit::link::Link;

use crate::common::{folder, registry_of, unlade};

/// What a connection carries in a second: no request is done, and another made, before all are counted.
const RATE: u64 = 512 << 10;

#[test]
fn as_many_as_are_allowed_are_at_work_at_once_into_a_file_and_to_stdout() {
    let disk = Image::titled("disk.raw", bytes(3, 64 << 20));
    for (allowed, count) in [(None, 8), (Some("1"), 1), (Some("3"), 3), (Some("6"), 6)] {
        for output in ["out.img", "-"] {
            let (registry, folder) = (registry_of(&disk), folder());
            let link = Link::builder().rate(RATE).window(64 << 10).start(registry.address());
            let run = unlade().args(["pull", &format!("{}/acme/disk:v1", link.address()), "--progress=json", "-o"]);
            let run = match output {
                "-" => run.arg("-"),
                name => run.arg(folder.path().join(name)),
            };
            let running = run.args(allowed.map(|number| format!("--connections={number}"))).start();
            running.stderr_line(&format!("\"connections\":{count},"));
            running.kill();
            let asked = registry.requests_for("*/blobs/*");
            assert_eq!(asked.len(), count, "{allowed:?} {output}");
            let ranges = asked.iter().filter(|request| request.header("range").is_some()).count();
            assert!(ranges == count || count == 1, "{allowed:?} {output}: {ranges}");
        }
    }
}
