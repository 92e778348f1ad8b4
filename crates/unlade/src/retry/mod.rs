//! Whether a failed request is made again, and when.
//!
//! [`judge`] decides, a loop obeys; a [`Budget`] is what one piece of work may
//! spend. It counts tries without progress: a long download over a poor line may
//! break as often as it likes, as long as every piece brings new bytes.

mod budget;
mod clock;
mod judge;
mod policy;

pub use budget::Budget;
pub use clock::{Effort, retry_after};
pub use judge::{Outcome, Verdict, judge};
pub use policy::Policy;
