//! Signed statements about who asks, as Google's service accounts make them (RFC 7515, RFC 7523).

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use rustls::{
    SignatureScheme,
    crypto::ring::sign::any_supported_type,
    pki_types::{PrivateKeyDer, pem::PemObject},
};
use serde_json::{Value, json};

use super::Secret;

/// The claims, signed by RSA with SHA-256. The key is PEM, of PKCS 8 or PKCS 1; a `\n` that is written out is a line's end.
/// `Err` says what is wrong with the key, and shows nothing of it.
pub(super) fn rs256(key: &Secret, key_id: Option<&str>, claims: &Value) -> Result<String, &'static str> {
    let pem = key.expose().replace("\\n", "\n");
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| "is no private key in PEM")?;
    let key = any_supported_type(&key).map_err(|_| "is no private key that can sign")?;
    let signer = key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).ok_or("is no RSA key")?;
    let mut header = json!({"alg": "RS256", "typ": "JWT"});
    if let Some(key_id) = key_id {
        header["kid"] = key_id.into();
    }
    let part = |part: &Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", part(&header), part(claims));
    let signature = signer.sign(signed.as_bytes()).map_err(|_| "does not sign")?;
    Ok(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
}
