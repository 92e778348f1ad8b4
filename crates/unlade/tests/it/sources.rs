//! The library's sources, as syntax: which modules there are, and what each of them names.
//!
//! Follows `mod` from `lib.rs` as the compiler does. What is compiled for tests alone is left out, and so are
//! comments: a link in the documentation binds nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, ImplItemFn, Item, ItemUse, Macro, Meta, Stmt, UseTree};

/// A name with at least two parts, as it is written in a module.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    /// The module that it stands in: `["registry", "api"]`.
    pub(crate) module: Vec<String>,
    /// Its parts. Those that lead through `crate`, `self` or `super` begin with `crate`.
    pub(crate) parts: Vec<String>,
}

/// All that was found.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// The modules that `lib.rs` declares.
    pub(crate) modules: BTreeSet<String>,
    /// The names that `lib.rs` re-exports, each with its module.
    pub(crate) exports: BTreeMap<String, String>,
    pub(crate) names: BTreeSet<Name>,
    /// The calls `x.elapsed()` and the like: method and module.
    pub(crate) methods: BTreeSet<(String, Vec<String>)>,
    /// The files that were read, or left out as tests.
    pub(crate) files: BTreeSet<PathBuf>,
}

impl Name {
    /// Returns the top module of the crate that is named, if it is this crate that is named.
    ///
    /// # Panics
    ///
    /// If a name of the crate's root is meant that `lib.rs` does not have: a rule could not be held.
    pub(crate) fn target<'a>(&'a self, sources: &'a Sources) -> Option<&'a str> {
        let [first, rest @ ..] = self.parts.as_slice() else { return None };
        let named = match first.as_str() {
            "crate" => rest.first()?,
            // In the root the modules have bare names.
            _ if self.module.is_empty() && sources.modules.contains(first) => first,
            _ => return None,
        };
        let module = sources.modules.get(named).or_else(|| sources.exports.get(named));
        Some(module.unwrap_or_else(|| panic!("{self} names something that lib.rs does not have")))
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` in {}", self.parts.join("::"), path(&self.module))
    }
}

/// Writes a module as a path.
pub(crate) fn path(module: &[String]) -> String {
    if module.is_empty() { "lib.rs".to_owned() } else { module.join("::") }
}

impl Sources {
    /// Reads a crate from its `lib.rs` on.
    pub(crate) fn read(root: &Path) -> Self {
        let mut sources = Self::default();
        sources.file(root, &[]);
        sources
    }

    /// Reads the text of one module.
    pub(crate) fn of_text(module: &[&str], text: &str) -> Self {
        let module: Vec<String> = module.iter().map(|part| (*part).to_owned()).collect();
        let mut sources = Self::default();
        sources.items(&syn::parse_file(text).unwrap().items, &module, Path::new("/nowhere"));
        sources
    }

    fn file(&mut self, file: &Path, module: &[String]) {
        self.files.insert(file.to_owned());
        let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let folder = match file.file_name().and_then(|name| name.to_str()) {
            Some("lib.rs" | "mod.rs") => file.parent().unwrap().to_owned(),
            _ => file.with_extension(""),
        };
        self.items(&parsed.items, module, &folder);
    }

    /// Reads the items of a module whose own modules are in a folder.
    fn items(&mut self, items: &[Item], module: &[String], folder: &Path) {
        for item in items {
            match item {
                Item::Mod(inner) => {
                    let name = inner.ident.to_string();
                    let path: Vec<String> = module.iter().cloned().chain([name.clone()]).collect();
                    let test = is_test(&inner.attrs);
                    match &inner.content {
                        Some((_, items)) if !test => self.items(items, &path, &folder.join(&name)),
                        Some(_) => {}
                        None => self.declared(&folder.join(&name), &path, test),
                    }
                    if module.is_empty() && !test {
                        self.modules.insert(name);
                    }
                }
                item => {
                    if let (Item::Use(item), true) = (item, module.is_empty()) {
                        self.exports.extend(uses(item).iter().filter_map(|parts| export(parts)));
                    }
                    Visitor { module, sources: self }.visit_item(item);
                }
            }
        }
    }

    fn declared(&mut self, place: &Path, module: &[String], test: bool) {
        let file = [place.with_extension("rs"), place.join("mod.rs")];
        let file = file.iter().find(|file| file.is_file()).unwrap_or_else(|| panic!("{} is missing", place.display()));
        if test {
            self.files.insert(file.clone());
            // Modules of a module for tests are for tests, too.
            if place.is_dir() {
                self.files.extend(crate::house::rust_files(place));
            }
        } else {
            self.file(file, module);
        }
    }

    fn note(&mut self, module: &[String], parts: &[String]) {
        let parts = absolute(module, parts);
        if parts.len() > 1 {
            self.names.insert(Name { module: module.to_vec(), parts });
        }
    }
}

/// Puts `crate` and what follows for `self` and `super`.
fn absolute(module: &[String], parts: &[String]) -> Vec<String> {
    let mut base = module;
    let mut rest = parts;
    match rest.first().map(String::as_str) {
        Some("self") => rest = &rest[1..],
        Some("super") => {
            while rest.first().is_some_and(|part| part == "super") {
                rest = &rest[1..];
                base = base.split_last().expect("a module above the root is no module").1;
            }
        }
        _ => return parts.to_vec(),
    }
    ["crate".to_owned()].iter().chain(base).chain(rest).cloned().collect()
}

/// Takes `use module::…::Name` in `lib.rs` as the export of a name.
fn export(parts: &[String]) -> Option<(String, String)> {
    let (first, last) = (parts.iter().find(|part| *part != "crate" && *part != "self")?, parts.last()?);
    (first != last).then(|| (last.clone(), first.clone()))
}

/// Says whether something is compiled for tests alone.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        meta => meta.path().is_ident("test"),
    })
}

fn uses(item: &ItemUse) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    flatten(&item.tree, &mut Vec::new(), &mut found);
    found
}

/// Writes out the branches of a `use`, each as a path. A new name changes nothing about what is named.
fn flatten(tree: &UseTree, before: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let whole = |last: String| before.iter().cloned().chain([last]).collect();
    match tree {
        UseTree::Glob(_) => found.push(whole("*".to_owned())),
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, before, found)),
        UseTree::Name(name) if name.ident == "self" => found.push(before.clone()),
        UseTree::Name(name) => found.push(whole(name.ident.to_string())),
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, found);
            before.pop();
        }
        UseTree::Rename(rename) if rename.ident == "self" => found.push(before.clone()),
        UseTree::Rename(rename) => found.push(whole(rename.ident.to_string())),
    }
}

/// Finds the paths in tokens that are no syntax yet: those of macros and attributes.
fn scan(tokens: &str) -> Vec<Vec<String>> {
    let joined = tokens.replace(" :: ", "::").replace(":: ", "::").replace(" ::", "::");
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let words = joined.split(|c: char| !is_path(c)).filter(|word| word.contains("::"));
    words.map(|word| word.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect()).collect()
}

struct Visitor<'a> {
    module: &'a [String],
    sources: &'a mut Sources,
}

impl Visitor<'_> {
    fn note_all(&mut self, names: &[Vec<String>]) {
        for parts in names {
            self.sources.note(self.module, parts);
        }
    }
}

impl<'ast> Visit<'ast> for Visitor<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        match item {
            Item::ExternCrate(_) => panic!("`extern crate` in {} hides what it names", path(self.module)),
            // A module in a function: what it names is named here.
            Item::Mod(inner) if is_test(&inner.attrs) => {}
            Item::Use(item) if is_test(&item.attrs) => {}
            Item::Impl(item) if is_test(&item.attrs) => {}
            Item::Fn(item) if is_test(&item.attrs) => {}
            item => visit::visit_item(self, item),
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.note_all(&uses(item));
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        if !is_test(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        match statement {
            Stmt::Local(local) if is_test(&local.attrs) => {}
            statement => visit::visit_stmt(self, statement),
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.note_all(&[parts]);
        visit::visit_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.sources.methods.insert((call.method.to_string(), self.module.to_vec()));
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        self.visit_path(&called.path);
        self.note_all(&scan(&called.tokens.to_string()));
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.note_all(&scan(&list.tokens.to_string()));
        }
    }
}

#[test]
fn every_way_to_name_something_is_found() {
    let text = r#"
        //! [`crate::docs::are::nothing`]
        use crate::{a::{self, B as C}, b::*};
        pub use super::sibling::Thing;
        use self::child::Thing as Other;
        pub(in crate::c) struct S<T: crate::d::Bound>(super::super::e::Type, T) where T: crate::f::Bound;
        #[derive(crate::g::Derive)]
        #[serde(with = "crate::h::with")]
        impl crate::i::Trait for S {
            fn work() -> Result<(), crate::j::Error> {
                tokio::select! { () = crate::k::wait() => {} }
                macro_rules! own { () => { crate::l::call() } }
                use crate::m::Inner;
                let started = std::time::Instant::now();
                <T as crate::n::As>::call(started.elapsed())
            }
            #[cfg(test)]
            fn test() { crate::test::one() }
        }
        mod inner { use super::super::o::Type; #[cfg(test)] mod tests { use crate::test::two; } }
        #[cfg(test)]
        use crate::test::three;
        #[cfg(test)]
        mod tests { use crate::test::four; }
        #[test]
        fn test() { crate::test::five() }
    "#;
    let sources = Sources::of_text(&["x", "y"], text);
    let found: BTreeSet<&str> = sources.names.iter().filter(|name| name.parts[0] == "crate").map(named).collect();
    let expected = ["a", "b", "x", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n"];
    assert_eq!(found, expected.into_iter().chain(["x"]).collect());
    let all: Vec<String> = sources.names.iter().map(|name| name.parts.join("::")).collect();
    for name in ["crate::a::B", "crate::b::*", "crate::x::sibling::Thing", "crate::x::y::child::Thing"] {
        assert!(all.iter().any(|found| found == name), "{name} in {all:?}");
    }
    assert!(all.iter().any(|name| name == "std::time::Instant::now"));
    assert!(all.iter().any(|name| name == "crate::x::o::Type"), "a module inside is one level deeper");
    assert_eq!(sources.methods.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["elapsed"]);
}

fn named(name: &Name) -> &str {
    &name.parts[1]
}
