//! Mirrors that sites run: caches before their registries.

use unlade_testkit::document::Image;
use unlade_testkit::real::{DockerRegistry, Nginx, http_push};

use super::{assert_pulls, here, memtest};

#[test]
fn a_cache_is_asked_instead_of_the_registry() {
    let payload = memtest();
    let registry = here(DockerRegistry::plain());
    http_push(&registry.client(), "site/disk", "v1", &Image::titled("disk.img", payload.clone()));
    let front = here(Nginx::before(registry.address()).start());
    let cache = here(DockerRegistry::cache_of(&format!("http://{}", registry.host())));
    let reference = format!("{}/site/disk:v1", front.host());
    assert_pulls(&reference, &["--mirror", &cache.host()], &payload);
    assert_eq!(front.requests().len(), 0, "all of it came from the cache");
    assert_pulls(&reference, &["--mirror", &format!("http://{}/elsewhere", cache.host())], &payload);
    assert_eq!(front.requests().len(), 2, "there the cache has nothing");
}
