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

#[cfg(test)]
mod tests {
    use super::*;

    /// It was made for this test, and opens nothing.
    const KEY: &str = include_str!("../../tests/fixtures/oauth/made_for_this_test.pem");
    /// What OpenSSL makes of the same claims with the same key.
    const SIGNED: &str = include_str!("../../tests/fixtures/oauth/signed_by_openssl.jwt");

    #[test]
    fn the_signature_is_the_one_that_openssl_makes() {
        let claims = json!({"iss": "grapevine"});
        assert_eq!(rs256(&Secret::new(KEY), None, &claims).as_deref(), Ok(SIGNED.trim()));
        let on_one_line = Secret::new(KEY.trim().replace('\n', "\\n"));
        assert_eq!(
            rs256(&on_one_line, None, &claims).as_deref(),
            Ok(SIGNED.trim()),
            "as an environment variable has it"
        );
    }

    #[test]
    fn what_is_no_key_is_said_without_showing_it() {
        let words = |key: &str| rs256(&Secret::new(key), None, &Value::Null).unwrap_err();
        assert_eq!(words("s3cr3t"), "is no private key in PEM");
        let cut: String =
            KEY.lines().take(8).chain(["-----END PRIVATE KEY-----"]).map(|line| format!("{line}\n")).collect();
        assert_eq!(words(&cut), "is no private key that can sign");
    }
}
