//! Tells the command what it is built for.

fn main() {
    // Nothing else of the package is read here.
    println!("cargo::rerun-if-changed=build.rs");
    let target = std::env::var("TARGET").unwrap_or_default();
    println!("cargo::rustc-env=UNLADE_TARGET={target}");
}
