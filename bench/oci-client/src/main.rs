//! `oci-client-pull REFERENCE FILE [CA-FILE]`: the one layer of an artifact, as the crate's own documentation does it.
//! Without a certificate authority it speaks plain http.

use std::error::Error;

use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let (Some(reference), Some(path)) = (words.next(), words.next()) else {
        return Err("usage: oci-client-pull REFERENCE FILE [CA-FILE]".into());
    };
    let mut config = ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() };
    if let Some(authority) = words.next() {
        config.protocol = ClientProtocol::Https;
        config.extra_root_certificates =
            vec![Certificate { encoding: CertificateEncoding::Pem, data: std::fs::read(authority)? }];
    }
    let reference: Reference = reference.parse()?;
    let client = Client::try_from(config)?;
    let (manifest, _) = client.pull_image_manifest(&reference, &RegistryAuth::Anonymous).await?;
    let layer = manifest.layers.first().ok_or("the manifest has no layer")?;
    client.pull_blob(&reference, layer, tokio::fs::File::create(path).await?).await?;
    Ok(())
}
