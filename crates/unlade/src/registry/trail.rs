//! The pages that were read of a list, as far as they tell whether it will end. Pure.

use std::hash::{DefaultHasher, Hash, Hasher as _};

/// So many pages are read: 400,000 names where a registry gives 100 at a time, as some do at most.
const MAX_PAGES: u32 = 4_000;

/// So many pages may hold next to nothing: 1,000 names are asked for, and who gives a few for ever means no good.
const MAX_THIN: u32 = 512;

/// A page of fewer names is a thin one.
const THIN: usize = 20;

/// So many pages in a row may hold nothing: registries that filter a page after cutting it give such.
const MAX_BARREN: u32 = 16;

/// So large may the pages be together, in bytes: what is made of a list is kept until its end where that has to be
/// known, and 4,000 pages of the greatest size would fill any disk.
const MAX_BYTES: u64 = 256 << 20;

/// What was seen so far, in a few numbers however many pages there were.
#[derive(Debug, Default)]
pub(super) struct Trail {
    pages: u32,
    barren: u32,
    thin: u32,
    entries: u64,
    bytes: u64,
    contents: Cycle,
    places: Cycle,
}

/// Why a list is not followed any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Astray {
    /// Page after page holds nothing.
    #[error("{MAX_BARREN} pages in a row hold nothing, and each leads to another")]
    Barren,
    /// There are too many pages that hold next to nothing.
    #[error("more than {MAX_THIN} pages hold next to nothing, and each leads to another")]
    Thin,
    /// There are too many pages.
    #[error("there are more than {MAX_PAGES} pages")]
    Endless,
    /// The pages are too large together.
    #[error("the pages have more than {} MiB", MAX_BYTES >> 20)]
    Large,
    /// A page leads to itself, or to one that was read.
    #[error("the page leads back to one that was read")]
    Loop,
    /// A page holds what an earlier one held.
    #[error("the page holds the same as an earlier one")]
    Repeated,
}

/// A page, as it is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Print {
    entries: usize,
    content: u64,
}

impl Print {
    /// Takes a page's print, of the names of what it holds.
    pub(super) fn of<T: Hash>(names: impl Iterator<Item = T>) -> Self {
        let mut hasher = DefaultHasher::new();
        let mut entries = 0;
        for name in names {
            name.hash(&mut hasher);
            entries += 1;
        }
        Self { entries, content: hasher.finish() }
    }
}

impl Trail {
    /// Begins with the place of the first page.
    pub(super) fn begin(place: &str) -> Self {
        let mut trail = Self::default();
        trail.places.meets(fingerprint(place));
        trail
    }

    /// Returns how many entries the pages had; those of a page that repeats an earlier one do not count.
    pub(super) fn entries(&self) -> u64 {
        self.entries
    }

    /// Takes note of a page's size, before anything is made of it.
    ///
    /// # Errors
    ///
    /// [`Astray::Large`].
    pub(super) fn weigh(&mut self, bytes: usize) -> Result<(), Astray> {
        self.bytes += bytes as u64;
        if self.bytes > MAX_BYTES { Err(Astray::Large) } else { Ok(()) }
    }

    /// Takes note of a page, and of where the next one is.
    ///
    /// # Errors
    ///
    /// Why the next one is not read; [`Astray::Repeated`] is about this page itself.
    pub(super) fn note(&mut self, print: Print, next: Option<&str>) -> Result<(), Astray> {
        self.pages += 1;
        if print.entries > 0 {
            self.barren = 0;
            if self.contents.meets(print.content) {
                return Err(Astray::Repeated);
            }
        } else {
            self.barren += 1;
        }
        self.entries += print.entries as u64;
        self.thin += u32::from(print.entries < THIN);
        if let Some(next) = next {
            if self.places.meets(fingerprint(next)) {
                return Err(Astray::Loop);
            }
            if self.barren >= MAX_BARREN {
                return Err(Astray::Barren);
            }
            if self.thin > MAX_THIN {
                return Err(Astray::Thin);
            }
            if self.pages >= MAX_PAGES {
                return Err(Astray::Endless);
            }
        }
        Ok(())
    }
}

fn fingerprint(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Finds out that a sequence repeats itself, from two of its values: Brent's algorithm.
///
/// The last value, and one that is replaced after 1, 2, 4, … steps: a cycle that is entered after m steps and is n long
/// is met after some 3 × max(m, n) steps at most.
#[derive(Debug, Default)]
struct Cycle {
    last: Option<u64>,
    mark: Option<u64>,
    steps: u32,
    stride: u32,
}

impl Cycle {
    /// Says whether a value was met before.
    fn meets(&mut self, value: u64) -> bool {
        if [self.last, self.mark].contains(&Some(value)) {
            return true;
        }
        self.last = Some(value);
        self.steps += 1;
        if self.steps > self.stride {
            self.mark = Some(value);
            self.steps = 0;
            self.stride = (self.stride * 2).max(1);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Follows pages, and says after how many it was given up, and why.
    fn follow(pages: impl Iterator<Item = (Vec<String>, String)>) -> (u32, Option<Astray>) {
        let mut trail = Trail::begin("first");
        let mut read = 0;
        for (names, next) in pages {
            read += 1;
            let next = Some(next.as_str()).filter(|next| !next.is_empty());
            if let Err(astray) = trail.note(Print::of(names.iter()), next) {
                return (read, Some(astray));
            }
        }
        (read, None)
    }

    /// Pages of so many entries each.
    fn numbered(count: u32, entries: usize) -> impl Iterator<Item = (Vec<String>, String)> {
        (1..=count).map(move |number| {
            let next = if number == count { String::new() } else { format!("page {number}") };
            ((0..entries).map(|entry| format!("tag {number}-{entry}")).collect(), next)
        })
    }

    #[test]
    fn a_list_that_ends_is_read_to_its_end() {
        assert_eq!(follow(numbered(1, 1)), (1, None));
        assert_eq!(follow(numbered(MAX_PAGES, THIN)), (MAX_PAGES, None));
        assert_eq!(follow(numbered(MAX_PAGES + 1, THIN)), (MAX_PAGES, Some(Astray::Endless)));
        assert_eq!(follow(numbered(MAX_THIN + 1, THIN - 1)), (MAX_THIN + 1, None));
        assert_eq!(follow(numbered(MAX_THIN + 2, THIN - 1)), (MAX_THIN + 1, Some(Astray::Thin)));
    }

    #[test]
    fn pages_that_are_too_large_together_are_seen() {
        let mut trail = Trail::begin("first");
        assert_eq!((0..100).take_while(|_| trail.weigh(4 << 20).is_ok()).count(), 64);
        assert_eq!(trail.weigh(0), Err(Astray::Large));
    }

    #[test]
    fn a_page_that_leads_to_itself_or_back_is_seen() {
        let one = (vec!["a".to_owned()], "first".to_owned());
        assert_eq!(follow([one].into_iter()), (1, Some(Astray::Loop)));
        let names = |name: &str| vec![name.to_owned()];
        let two = [(names("a"), "second".to_owned()), (names("b"), "second".to_owned())];
        assert_eq!(follow(two.into_iter()), (2, Some(Astray::Loop)));
        let back = [(names("a"), "second".to_owned()), (names("b"), "first".to_owned())];
        assert_eq!(follow(back.into_iter()), (2, Some(Astray::Loop)));
    }

    #[test]
    fn pages_that_hold_the_same_under_other_names_are_seen() {
        let same = (1..).map(|number| (vec!["a".to_owned()], format!("page {number}")));
        assert_eq!(follow(same), (2, Some(Astray::Repeated)));
        let last = [(vec!["a".to_owned()], "second".to_owned()), (vec!["a".to_owned()], String::new())];
        assert_eq!(follow(last.into_iter()), (2, Some(Astray::Repeated)));
    }

    #[test]
    fn a_few_pages_may_be_empty() {
        let empty = |count: u32| (1..=count).map(|number| (Vec::new(), format!("empty {number}")));
        let end = || std::iter::once((vec!["a".to_owned()], String::new()));
        assert_eq!(follow(empty(MAX_BARREN - 1).chain(end())), (MAX_BARREN, None));
        assert_eq!(follow(empty(MAX_BARREN).chain(end())), (MAX_BARREN, Some(Astray::Barren)));
        let mut trail = Trail::begin("first");
        trail.note(Print::of(["a", "b"].iter()), Some("second")).unwrap();
        assert_eq!(trail.entries(), 2);
    }

    proptest! {
        #[test]
        fn every_cycle_is_met_in_time(before in 0_u64..300, length in 1_u64..300) {
            let mut cycle = Cycle::default();
            let met = (0..5000).position(|step| {
                let value = if step < before { step } else { before + (step - before) % length };
                cycle.meets(value)
            });
            let met = met.unwrap() as u64;
            prop_assert!(met >= before + length, "value {met} is new");
            prop_assert!(met <= 3 * before.max(length) + length + 2, "met after {met}");
        }
    }
}
