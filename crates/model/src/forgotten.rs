//! Deletion requests: who and what is to be known no more, by salted hash alone.
//!
//! They travel as records of the compacted table [`topics::FORGOTTEN`](crate::topics::FORGOTTEN). A subject is an account or a
//! mention that is kept out from now on; a request is the proof: who asked when, and what was found and removed. Neither
//! holds a name, a text or a platform's id. The salt stands beside the hash, so that every process can ask "is it this
//! one?"; who guesses a name can ask that too.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Event, Kind, Mention, MentionId};

/// The version of the schema that [`ForgottenRecord::encode`] writes.
const VERSION: u16 = 1;

/// What is to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// By the platform's id of the account or by its handle, upper and lower case alike.
    Author(Account),
    Mention(MentionId),
}

/// An account of one instance of a platform.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account {
    pub platform: String,
    pub instance: String,
    pub name: String,
}

/// Makes the hashes of one log differ from those of any other: 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Salt(String);

impl Salt {
    pub fn of(random: [u8; 32]) -> Self {
        Self(random.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn author(&self, platform: &str, instance: &str, name: &str) -> SubjectHash {
        self.hash(&[b"author", platform.as_bytes(), instance.as_bytes(), name.to_ascii_lowercase().as_bytes()])
    }

    fn mention(&self, id: MentionId) -> SubjectHash {
        self.hash(&[b"mention", &id.0.to_be_bytes()])
    }

    fn hash(&self, parts: &[&[u8]]) -> SubjectHash {
        let mut hasher = blake3::Hasher::new();
        for part in [self.0.as_bytes()].iter().chain(parts) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut first = [0; 16];
        first.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        SubjectHash(u128::from_be_bytes(first))
    }
}

/// The salted hash of a subject.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubjectHash(u128);

impl fmt::Display for SubjectHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for SubjectHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubjectHash({self})")
    }
}

impl Subject {
    pub fn hash(&self, salt: &Salt) -> SubjectHash {
        match self {
            Subject::Author(account) => salt.author(&account.platform, &account.instance, &account.name),
            Subject::Mention(id) => salt.mention(*id),
        }
    }
}

/// A subject as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppressed {
    pub hash: String,
    pub salt: Salt,
    /// Of the request that named it first.
    pub request: String,
}

/// The proof of a deletion request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub id: String,
    pub at: Timestamp,
    pub by: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Accounts and mentions that were named.
    pub subjects: u64,
    /// One hash of theirs together ([`Request::digest`]): the same request again is known by it. Older records lack it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// It was repeated where it was interrupted.
    pub runs: Vec<Run>,
}

/// One run of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub began_at: Timestamp,
    /// Place by place, what was found; counted before it is removed.
    pub found: BTreeMap<String, u64>,
    /// Brand-hours (seconds since the Unix epoch) whose figures are to be made right; empty once they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hours: Vec<(String, u32)>,
    /// What could not be removed, and until when it is there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remains: Vec<Remains>,
    /// Absent while it runs, and where it was interrupted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remains {
    pub place: String,
    /// `None` where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// When it goes by itself; `None` where someone has to see to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    pub why: String,
}

impl Request {
    /// Of the hashes of what was named.
    pub fn digest(hashes: &BTreeSet<String>) -> String {
        let mut hasher = blake3::Hasher::new();
        for hash in hashes {
            hasher.update(hash.as_bytes());
        }
        hasher.finalize().to_hex()[..32].to_owned()
    }

    /// Nothing is left to do.
    pub fn is_done(&self) -> bool {
        self.runs.last().is_some_and(|run| run.ended_at.is_some())
    }
}

/// A record of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForgottenRecord {
    Subject(Suppressed),
    Request(Request),
}

#[derive(Debug, thiserror::Error)]
pub enum ForgottenError {
    #[error("a record of the deletion requests is not JSON that this program knows: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("a record of the deletion requests has version {0}, this program reads {VERSION}: upgrade it")]
    Version(u16),
}

#[derive(Serialize)]
struct Written<'a> {
    v: u16,
    #[serde(flatten)]
    record: &'a ForgottenRecord,
}

#[derive(Deserialize)]
struct Version {
    v: u16,
}

#[derive(Deserialize)]
struct Read {
    #[serde(flatten)]
    record: ForgottenRecord,
}

impl ForgottenRecord {
    /// Of one key only the newest record counts.
    pub fn key(&self) -> String {
        match self {
            Self::Subject(subject) => format!("subject/{}", subject.hash),
            Self::Request(request) => format!("request/{}", request.id),
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(&Written { v: VERSION, record: self }).expect("it has string keys")
    }

    /// # Errors
    /// What is no record of this version: to pass over one in silence would bring back what was forgotten.
    pub fn decode(value: &[u8]) -> Result<Self, ForgottenError> {
        match serde_json::from_slice::<Version>(value)?.v {
            VERSION => Ok(serde_json::from_slice::<Read>(value)?.record),
            other => Err(ForgottenError::Version(other)),
        }
    }
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Kept,
    /// It is another's; what it named of a forgotten account was taken out.
    Cleared,
    Forgotten,
}

/// Everything that is kept out. Cheap to ask: four short hashes a mention.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suppressions {
    by_salt: BTreeMap<Salt, HashSet<SubjectHash>>,
}

impl Suppressions {
    pub fn of<'a>(subjects: impl IntoIterator<Item = &'a Suppressed>) -> Self {
        let mut all = Self::default();
        subjects.into_iter().for_each(|subject| all.add(subject));
        all
    }

    /// One whose hash is no hash keeps nothing out.
    pub fn add(&mut self, subject: &Suppressed) {
        if let Ok(hash) = u128::from_str_radix(&subject.hash, 16) {
            self.by_salt.entry(subject.salt.clone()).or_default().insert(SubjectHash(hash));
        }
    }

    pub fn is_empty(&self) -> bool {
        self.by_salt.is_empty()
    }

    pub fn has(&self, subject: &Subject) -> bool {
        self.any(|salt| subject.hash(salt))
    }

    pub fn has_mention(&self, id: MentionId) -> bool {
        self.any(|salt| salt.mention(id))
    }

    fn has_author(&self, platform: &str, instance: &str, name: &str) -> bool {
        !name.is_empty() && self.any(|salt| salt.author(platform, instance, name))
    }

    fn any(&self, hash: impl Fn(&Salt) -> SubjectHash) -> bool {
        self.by_salt.iter().any(|(salt, hashes)| hashes.contains(&hash(salt)))
    }

    /// What is to become of an event; takes out of it what it names of a forgotten account.
    pub fn judge(&self, event: &mut Event) -> Verdict {
        if self.is_empty() {
            return Verdict::Kept;
        }
        let forgotten = match event {
            Event::Upsert(mention) => return self.judge_mention(mention),
            Event::Delete(deletion) => self.has_mention(deletion.key.id()),
            Event::EngagementSnapshot(snapshot) => self.has_mention(snapshot.key.id()),
            Event::Rescored(rescored) => self.has_mention(rescored.key.id()),
            Event::AuthorTombstone(gone) => self.has_author(&gone.platform, &gone.instance, &gone.author),
            Event::AccountSnapshot(account) => self.has_author(&account.platform, "", &account.account),
            Event::Survey(survey) => self.has_author(&survey.platform, "", &survey.respondent),
            Event::Campaign(_)
            | Event::Gap(_)
            | Event::Sampled(_)
            | Event::Heartbeat(_)
            | Event::SourceHealth(_)
            | Event::ModelCard(_) => false,
        };
        if forgotten { Verdict::Forgotten } else { Verdict::Kept }
    }

    fn judge_mention(&self, mention: &mut Mention) -> Verdict {
        let key = &mention.key;
        let named = |name: &str| self.has_author(&key.platform, &key.instance, name);
        if self.has_mention(mention.id()) || named(&mention.author.native_id) || named(&mention.author.handle) {
            return Verdict::Forgotten;
        }
        let answers = mention.parent_author.as_deref().is_some_and(named);
        // A repost is the words of whom it repeats.
        let repeats = mention.kind == Kind::Repost;
        if repeats && (answers || mention.parent_id().is_some_and(|parent| self.has_mention(parent))) {
            return Verdict::Forgotten;
        }
        if !answers {
            return Verdict::Kept;
        }
        // The payload may hold the post that is answered.
        (mention.parent_author, mention.raw) = (None, None);
        Verdict::Cleared
    }
}

/// The table, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forgotten {
    pub subjects: BTreeMap<String, Suppressed>,
    pub requests: BTreeMap<String, Request>,
}

impl Forgotten {
    /// # Errors
    /// A record that can not be read.
    pub fn read<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, ForgottenError> {
        let mut table = Self::default();
        for value in values {
            match ForgottenRecord::decode(value)? {
                ForgottenRecord::Subject(subject) => drop(table.subjects.insert(subject.hash.clone(), subject)),
                ForgottenRecord::Request(request) => drop(table.requests.insert(request.id.clone(), request)),
            }
        }
        Ok(table)
    }

    pub fn suppressions(&self) -> Suppressions {
        Suppressions::of(self.subjects.values())
    }

    /// The salt that is in use.
    pub fn salt(&self) -> Option<&Salt> {
        self.subjects.values().map(|subject| &subject.salt).min()
    }

    /// The request that named exactly these subjects, or the one that all of them belong to; then it is repeated.
    pub fn request_of(&self, hashes: &BTreeSet<String>) -> Option<&Request> {
        let digest = Request::digest(hashes);
        if let Some(same) = self.requests.values().find(|request| request.digest == digest) {
            return Some(same);
        }
        let ids: Option<BTreeSet<&str>> =
            hashes.iter().map(|hash| Some(self.subjects.get(hash)?.request.as_str())).collect();
        let ids = ids?;
        match (ids.first(), ids.len()) {
            (Some(id), 1) => self.requests.get(*id),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Author, AuthorTombstone, Engagement, EngagementSnapshot, MentionKey};

    fn salt() -> Salt {
        Salt::of([7; 32])
    }

    fn account(name: &str) -> Subject {
        Subject::Author(Account { platform: "forum".into(), instance: "f.example".into(), name: name.into() })
    }

    fn suppressions(subjects: &[Subject]) -> Suppressions {
        let one = |subject: &Subject| Suppressed {
            hash: subject.hash(&salt()).to_string(),
            salt: salt(),
            request: "r".into(),
        };
        Suppressions::of(&subjects.iter().map(one).collect::<Vec<_>>())
    }

    fn post(id: &str, author: &str) -> Mention {
        let author = Author { native_id: author.into(), handle: format!("h-{author}"), ..Author::default() };
        Mention::new(MentionKey::new("forum", "f.example", id), author, Timestamp::UNIX_EPOCH, "text")
    }

    fn judged(all: &Suppressions, mention: Mention) -> Verdict {
        all.judge(&mut Event::Upsert(Box::new(mention)))
    }

    #[test]
    fn an_account_is_known_by_its_id_and_by_its_handle_in_any_case_on_its_own_instance() {
        let by_id = suppressions(&[account("Ada")]);
        assert_eq!(judged(&by_id, post("1", "ada")), Verdict::Forgotten);
        assert_eq!(judged(&by_id, post("1", "ada2")), Verdict::Kept);
        assert_eq!(judged(&suppressions(&[account("h-ada")]), post("1", "ada")), Verdict::Forgotten);
        let elsewhere = Mention { key: MentionKey::new("forum", "g.example", "1"), ..post("1", "ada") };
        assert_eq!(judged(&by_id, elsewhere), Verdict::Kept);
    }

    #[test]
    fn a_repost_goes_with_what_it_repeats_and_an_answer_only_loses_the_name() {
        let all = suppressions(&[account("ada"), Subject::Mention(post("9", "x").id())]);
        let answer = Mention {
            kind: Kind::Reply,
            parent_author: Some("ada".into()),
            raw: Some("{\"to\":\"ada\"}".into()),
            ..post("2", "bo")
        };
        let mut event = Event::Upsert(Box::new(answer.clone()));
        assert_eq!(all.judge(&mut event), Verdict::Cleared);
        let Event::Upsert(cleared) = event else { panic!("a mention") };
        assert_eq!((cleared.parent_author, cleared.raw, cleared.text.as_str()), (None, None, "text"));
        assert_eq!(judged(&all, Mention { kind: Kind::Repost, ..answer }), Verdict::Forgotten);
        let repost = Mention { kind: Kind::Repost, parent: Some("9".into()), ..post("3", "bo") };
        assert_eq!(judged(&all, repost), Verdict::Forgotten);
    }

    #[test]
    fn what_is_said_of_a_forgotten_mention_or_account_is_forgotten_too() {
        let all = suppressions(&[account("ada"), Subject::Mention(post("9", "x").id())]);
        let observed_at = Timestamp::UNIX_EPOCH;
        let snapshot = |id: &str| {
            let key = MentionKey::new("forum", "f.example", id);
            Event::EngagementSnapshot(EngagementSnapshot { key, observed_at, engagement: Engagement::default() })
        };
        let (platform, instance) = ("forum".to_owned(), "f.example".to_owned());
        let gone = Event::AuthorTombstone(AuthorTombstone { platform, instance, author: "ada".into(), observed_at });
        let verdicts = [snapshot("9"), snapshot("8"), gone].map(|mut event| all.judge(&mut event));
        assert_eq!(verdicts, [Verdict::Forgotten, Verdict::Kept, Verdict::Forgotten]);
    }

    #[test]
    fn the_table_comes_back_and_a_record_that_is_not_understood_is_an_error() {
        let request = Request {
            id: "r".into(),
            at: Timestamp::UNIX_EPOCH,
            by: "bo".into(),
            reason: String::new(),
            subjects: 1,
            digest: String::new(),
            runs: vec![],
        };
        let hash = account("zoe").hash(&salt()).to_string();
        let subject = Suppressed { hash: hash.clone(), salt: salt(), request: "r".into() };
        let records = [ForgottenRecord::Subject(subject), ForgottenRecord::Request(request.clone())];
        let values: Vec<Vec<u8>> = records.iter().map(ForgottenRecord::encode).collect();
        let table = Forgotten::read(values.iter().map(Vec::as_slice)).unwrap();
        assert!(table.suppressions().has(&account("ZOE")) && !table.suppressions().has(&account("bo")));
        assert_eq!(table.request_of(&BTreeSet::from([hash.clone()])), Some(&request));
        assert_eq!(table.request_of(&BTreeSet::from([hash, "ff".into()])), None);
        assert!(!String::from_utf8_lossy(&values.concat()).contains("zoe"));
        assert!(ForgottenRecord::decode(b"{\"v\":2}").is_err() && ForgottenRecord::decode(b"{").is_err());
    }

    #[test]
    fn a_request_that_names_what_another_named_too_finds_itself_again() {
        let subject = |name: &str, request: &str| Suppressed {
            hash: account(name).hash(&salt()).to_string(),
            salt: salt(),
            request: request.into(),
        };
        let (ada, bo) = (subject("ada", "first"), subject("bo", "second"));
        let both = BTreeSet::from([ada.hash.clone(), bo.hash.clone()]);
        let only_ada = BTreeSet::from([ada.hash.clone()]);
        let request = |id: &str, hashes: &BTreeSet<String>| Request {
            id: id.into(),
            at: Timestamp::UNIX_EPOCH,
            by: "cy".into(),
            reason: String::new(),
            subjects: hashes.len() as u64,
            digest: Request::digest(hashes),
            runs: vec![],
        };
        let records = [
            ForgottenRecord::Request(request("first", &only_ada)),
            ForgottenRecord::Request(request("second", &both)),
            ForgottenRecord::Subject(ada),
            ForgottenRecord::Subject(bo),
        ];
        let values: Vec<Vec<u8>> = records.iter().map(ForgottenRecord::encode).collect();
        let table = Forgotten::read(values.iter().map(Vec::as_slice)).unwrap();
        let found = |hashes: &BTreeSet<String>| table.request_of(hashes).map(|request| request.id.as_str());
        assert_eq!((found(&both), found(&only_ada)), (Some("second"), Some("first")));
    }
}
