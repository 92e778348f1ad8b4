//! A control group with little memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::missing::Lack;

/// Where control groups are mounted.
const MOUNTED: &str = "/sys/fs/cgroup";

/// Groups of one process have names of their own.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A control group; it is removed when this value is dropped.
pub struct Cgroup {
    path: PathBuf,
    /// The file that says how much was in use at most.
    peak: &'static str,
}

impl Cgroup {
    /// Makes a group whose processes may use so many bytes, or says why that is not to be had.
    ///
    /// It is below the group of the tests. Groups of the second version that have processes give nothing to those
    /// below them; it is at the top then.
    pub fn with_memory(bytes: u64) -> Result<Self, Lack> {
        // The second version has one hierarchy, the first one for each resource.
        let is_second = Path::new(MOUNTED).join("cgroup.controllers").is_file();
        let (hierarchy, top, limit, peak) = if is_second {
            (":/", PathBuf::from(MOUNTED), "memory.max", "memory.peak")
        } else {
            ("memory:/", Path::new(MOUNTED).join("memory"), "memory.limit_in_bytes", "memory.max_usage_in_bytes")
        };
        if !top.is_dir() {
            return Err(Lack::Kernel(format!("there is no {}", top.display())));
        }
        let all = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let own = all.lines().find_map(|line| line.split_once(':')?.1.strip_prefix(hierarchy));
        let name = format!("unlade-test-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::SeqCst));
        let mut why = Lack::Kernel("the kernel limits no memory".to_owned());
        for above in own.map(|own| top.join(own)).into_iter().chain([top.clone()]) {
            let path = above.join(&name);
            if let Err(error) = fs::create_dir(&path) {
                why = Lack::Right(format!("no control group {}: {error}", path.display()));
                continue;
            }
            let group = Self { path, peak };
            let knob = group.path.join(limit);
            if !knob.is_file() {
                continue;
            }
            match fs::write(&knob, bytes.to_string()) {
                Ok(()) => return Ok(group),
                Err(error) => why = Lack::Right(format!("no limit on memory: {}: {error}", knob.display())),
            }
        }
        Err(why)
    }

    /// Gives the file that a process writes `0` to, to be of the group.
    pub fn processes(&self) -> PathBuf {
        self.path.join("cgroup.procs")
    }

    /// Gives how many bytes were in use at most, the pages of files included; `None` where the kernel does not tell.
    pub fn peak(&self) -> Option<u64> {
        fs::read_to_string(self.path.join(self.peak)).ok()?.trim().parse().ok()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A process that is still in it keeps it there.
        drop(fs::remove_dir(&self.path));
    }
}
