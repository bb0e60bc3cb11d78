use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};

use super::{OAuth, Request, Secret};
use crate::SourceError;

/// How a request says who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Auth {
    #[default]
    None,
    /// `Authorization: Bearer …`
    Bearer(Secret),
    /// `Authorization: Basic …`
    Basic { user: String, password: Secret },
    /// A header of the platform's own, such as `Api-Key`. Whatever stands before the value is in `prefix`.
    Header { name: HeaderName, prefix: String, value: Secret },
    /// A parameter of the query, such as `key`.
    Query { name: String, value: Secret },
    /// In the path, in place of a word that stands there: `/botTOKEN/getMe`.
    Path { word: String, value: Secret },
    /// `Authorization: Bearer …` with a token that the [`Client`](super::Client) fetches and renews.
    OAuth(Box<OAuth>),
    /// All of these.
    Several(Vec<Auth>),
}

impl Auth {
    /// The same request with the secret in it, and with the knowledge of what not to show.
    pub fn apply(&self, request: &Request) -> Result<Request, SourceError> {
        let mut request = request.clone();
        match self {
            Auth::None => {}
            Auth::Bearer(token) => header(&mut request, AUTHORIZATION, &format!("Bearer {}", token.expose()))?,
            Auth::Basic { user, password } => {
                let pair = BASE64_STANDARD.encode(format!("{user}:{}", password.expose()));
                header(&mut request, AUTHORIZATION, &format!("Basic {pair}"))?;
                request.secrets.push(Secret::new(pair));
            }
            Auth::Header { name, prefix, value } => {
                header(&mut request, name.clone(), &format!("{prefix}{}", value.expose()))?;
            }
            Auth::Query { name, value } => {
                request.url.query_pairs_mut().append_pair(name, value.expose());
            }
            Auth::Path { word, value } => {
                let path = request.url.path().replace(word, value.expose());
                request.url.set_path(&path);
            }
            Auth::Several(all) => return all.iter().try_fold(request, |request, one| one.apply(&request)),
            // Without one, the platform says so.
            Auth::OAuth(oauth) => {
                return oauth.token().map_or(Ok(request.clone()), |it| Auth::Bearer(it).apply(&request));
            }
        }
        request.secrets.extend(self.secret().cloned());
        Ok(request)
    }

    /// The token that has to be fetched, if one has.
    pub(super) fn oauth(&self) -> Option<&OAuth> {
        match self {
            Auth::OAuth(oauth) => Some(oauth),
            Auth::Several(all) => all.iter().find_map(Auth::oauth),
            _ => None,
        }
    }

    pub(crate) fn secret(&self) -> Option<&Secret> {
        match self {
            Auth::None | Auth::OAuth(_) | Auth::Several(_) => None,
            Auth::Bearer(secret) => Some(secret),
            Auth::Basic { password: secret, .. } => Some(secret),
            Auth::Header { value, .. } | Auth::Query { value, .. } | Auth::Path { value, .. } => Some(value),
        }
    }
}

/// An address, whole or relative, without a parameter of its query: platforms write into the address of the next page
/// what they were asked with, the secret too.
pub(crate) fn without_parameter(address: &str, name: &str) -> String {
    let (rest, fragment) = address.find('#').map_or((address, ""), |at| address.split_at(at));
    let Some((path, query)) = rest.split_once('?') else { return address.to_owned() };
    let is_it = |pair: &&str| url::form_urlencoded::parse(pair.as_bytes()).any(|(key, _)| key == name);
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_it(pair)).collect();
    let sign = if kept.is_empty() { "" } else { "?" };
    format!("{path}{sign}{}{fragment}", kept.join("&"))
}

fn header(request: &mut Request, name: HeaderName, value: &str) -> Result<(), SourceError> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| SourceError::Config(format!("the secret for {name} has characters that no header may hold")))?;
    value.set_sensitive(true);
    request.headers.insert(name, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(auth: Auth) -> Request {
        let url = "https://api.example/get?q=1".parse().unwrap();
        auth.apply(&Request::get(url)).unwrap()
    }

    #[test]
    fn each_way_puts_the_secret_in_its_place_and_shows_it_nowhere() {
        let secret = || Secret::new("s3cr3t");
        let bearer = applied(Auth::Bearer(secret()));
        assert_eq!(bearer.headers[AUTHORIZATION], "Bearer s3cr3t");
        let basic = applied(Auth::Basic { user: "me".into(), password: secret() });
        assert_eq!(basic.headers[AUTHORIZATION], "Basic bWU6czNjcjN0");
        let name = HeaderName::from_static("api-key");
        let own = applied(Auth::Header { name, prefix: "Key ".into(), value: secret() });
        assert_eq!(own.headers["api-key"], "Key s3cr3t");
        let query = applied(Auth::Query { name: "key".into(), value: secret() });
        assert_eq!(query.url.query(), Some("q=1&key=s3cr3t"));
        let both = applied(Auth::Several(vec![
            Auth::Bearer(secret()),
            Auth::Query { name: "key".into(), value: Secret::new("0ther") },
        ]));
        assert_eq!(
            (both.headers[AUTHORIZATION].as_bytes(), both.url.query()),
            (&b"Bearer s3cr3t"[..], Some("q=1&key=0ther"))
        );
        assert_eq!(both.redact("s3cr3t 0ther"), "[redacted] [redacted]");
        let path = Auth::Path { word: "TOKEN".into(), value: secret() };
        let path = path.apply(&Request::get("https://api.example/botTOKEN/get".parse().unwrap())).unwrap();
        assert_eq!(path.url.path(), "/bots3cr3t/get");
        for request in [bearer, basic, own, query, path] {
            let shown = format!("{request:?} {:?} {}", request.headers, request.redact("echo s3cr3t bWU6czNjcjN0"));
            assert!(!shown.contains("s3cr3t"), "{shown}");
        }
    }

    #[test]
    fn a_parameter_is_taken_out_of_an_address() {
        for (address, without) in [
            ("https://a.example/x?q=1&key=s&p=2", "https://a.example/x?q=1&p=2"),
            ("/x?key=s", "/x"),
            ("/x?%6Bey=s&key=t&keys=u#end", "/x?keys=u#end"),
            ("/x?key", "/x"),
            ("/key=s", "/key=s"),
        ] {
            assert_eq!(without_parameter(address, "key"), without);
        }
    }

    #[test]
    fn base64_is_padded() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(BASE64_STANDARD.encode(plain), coded);
        }
    }
}
