//! REST over HTTP, as every source that polls needs it.
//!
//! | part | does |
//! |---|---|
//! | [`Request`], [`Response`] | one exchange, described; neither shows a secret |
//! | [`Transport`] | carries it: `reqwest` in production, scripted in tests |
//! | [`QuotaPolicy`], [`Quota`] | what a platform allows, as data, and a pure state machine that keeps to it |
//! | [`Spend`], [`Share`] | what may be spent in a month, and how much of what is there can be read so that it lasts |
//! | [`OAuth`] | fetches tokens and renews them |
//! | [`Client`] | all together: authorises, keeps to the quota, tries again, tells the classes of errors apart |
//!
//! What becomes of an answer:
//!
//! | answer | becomes |
//! |---|---|
//! | 2xx, 304 | the response |
//! | a status of the policy's `limited`; 403 with `Retry-After` or nothing left; a rule of class `limited` or `limited_for_now` | [`RateLimited`](crate::SourceError::RateLimited) until the platform says |
//! | 401 with a token of [`OAuth`] | tried once more with another token |
//! | 401, 403 (but for an HTML page) | [`Auth`](crate::SourceError::Auth) |
//! | 404, 410 | [`Gone`](crate::SourceError::Gone) |
//! | 408, 425, 5xx, 403 with an HTML page, no answer, HTML or broken JSON where JSON is wanted, a body beyond 32 MiB (unpacked) | tried again, then [`Transient`](crate::SourceError::Transient) |
//! | anything else | [`Config`](crate::SourceError::Config) |

mod allowance;
mod auth;
mod budget;
mod client;
mod errors;
mod jwt;
mod limit;
mod oauth;
mod quota;
mod request;
mod reset;
mod response;
mod secret;
mod transport;
mod usage;

pub use self::auth::Auth;
pub(crate) use self::auth::without_parameter;
pub use self::budget::{SPEND_KEY, Share, Spend};
pub use self::client::{Client, Fetched};
pub use self::errors::{Class, ErrorRule};
pub(crate) use self::errors::{at, is_about_the_request};
pub use self::limit::{Limit, Window};
pub use self::oauth::{ClientId, Grant, OAuth};
pub use self::quota::{Cost, Quota, QuotaPolicy};
pub use self::request::Request;
pub use self::reset::{HeaderLimits, ResetFormat};
pub use self::response::{Response, Validators};
pub use self::secret::{Secret, SecretPlace};
pub use self::transport::{ByteStream, HttpTransport, Opened, Transport};
pub use reqwest::{Method, header};
