//! From an intention to a post: language, wording, typing habits, counters.

use std::collections::{HashMap, HashSet};

use grapevine_model::{Kind, Polarity};
use jiff::Timestamp;
use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::brands::{BRANDS, StoryBrand};
use super::grammar::Grammar;
use super::people::{People, Person, Place, Voice};
use super::post::StoryPost;

const EMOJI: [&[&str]; 3] = [
    &["😡", "🤬", "😤", "👎", "😠", "💔", "🤦"],
    &["🚲", "🤔", "📍", "👀", "🔧"],
    &["😍", "🎉", "👍", "❤️", "🚀", "😊", "🙌", "💚"],
];

/// Of so many openers on the microblog one has a picture, and a hashtag to be found by.
const A_PICTURE: u64 = 6;
const TAGS: [&str; 7] = ["#ebike", "#bikecommute", "#ebike", "#cargobike", "#bikecommute", "#ebike", "#carfree"];

/// What is to be written.
#[derive(Debug, Clone, Copy)]
pub struct Intention<'a> {
    pub brand: usize,
    pub place: Place,
    pub symbol: &'a str,
    pub polarity: Polarity,
    pub at: Timestamp,
}

pub struct Writer {
    pub rng: SmallRng,
    pub people: People,
    grammars: HashMap<&'static str, Grammar>,
    written: HashSet<String>,
    count: u64,
    /// Negative openers that are owed to each brand.
    pub complaints_due: [f64; 3],
}

impl Writer {
    pub fn new(seed: u64) -> Self {
        let grammars = HashMap::from([
            ("en", Grammar::parse(include_str!("grammar/en.txt"))),
            ("es", Grammar::parse(include_str!("grammar/es.txt"))),
            ("de", Grammar::parse(include_str!("grammar/de.txt"))),
            ("fr", Grammar::parse(include_str!("grammar/fr.txt"))),
        ]);
        let rng = SmallRng::seed_from_u64(seed);
        Self { rng, people: People::new(seed), grammars, written: HashSet::new(), count: 0, complaints_due: [0.0; 3] }
    }

    /// A post that starts a thread.
    pub fn opener(&mut self, author: &Person, intention: Intention) -> StoryPost {
        let language = if self.grammars[author.language].has(intention.symbol) { author.language } else { "en" };
        let text = self.text(author, language, intention, "there");
        let mut post = self.post(author, intention, text, language);
        if intention.place == Place::Microblog && self.count.is_multiple_of(A_PICTURE) {
            post.media = vec![format!("https://media.social.example/{}.jpg", post.id)];
            let tag = TAGS[(self.count / A_PICTURE) as usize % TAGS.len()];
            post.text = format!("{} {tag}", post.text);
        }
        post
    }

    /// A post that answers, quotes or passes on another one.
    pub fn response(&mut self, author: &Person, intention: Intention, to: &StoryPost, kind: Kind) -> StoryPost {
        let (text, language) = if kind == Kind::Repost {
            (to.text.clone(), to.language.clone())
        } else {
            let given = to.author_name.split(' ').next().unwrap_or("there").to_owned();
            (self.text(author, "en", intention, &given), "en".to_owned())
        };
        let mut post = self.post(author, intention, text, &language);
        post.kind = kind;
        post.space = to.space.clone();
        post.parent = Some(to.id.clone());
        post.root = Some(to.root.clone().unwrap_or_else(|| to.id.clone()));
        post.parent_author = Some(to.author_id.clone());
        post
    }

    /// Few texts appear twice: a text that was written before is written anew.
    fn text(&mut self, author: &Person, language: &str, intention: Intention, name: &str) -> String {
        let mut text = String::new();
        for _ in 0..5 {
            let brand = &BRANDS[intention.brand];
            let written = brand.written(intention.place == Place::Microblog && !author.is_team, &mut self.rng);
            let written = if author.is_team { brand.name.to_owned() } else { written };
            let mut words = brand.words(&written, &mut self.rng);
            words.insert("name", name.to_owned());
            text = self.grammars[language].expand(intention.symbol, &words, &mut self.rng);
            if !author.is_team {
                text = with_brand(text, brand, intention.place, &mut self.rng);
            }
            text = typed(text, author.voice, intention.polarity, &mut self.rng);
            if self.written.insert(text.clone()) {
                break;
            }
        }
        text
    }

    fn post(&mut self, author: &Person, intention: Intention, text: String, language: &str) -> StoryPost {
        self.count += 1;
        let Intention { brand, place, polarity, at, .. } = intention;
        let id = (at.as_second() * 100_000 + (self.count % 100_000) as i64).to_string();
        let views = views(author, place, &mut self.rng);
        let likes = (views as f64 * self.rng.random_range(0.0..0.05_f64).powf(1.3) * 0.8) as u64;
        StoryPost {
            url: url(place, &author.handle, &id),
            media: vec![],
            id,
            platform: place.platform().to_owned(),
            instance: place.instance().to_owned(),
            created_at: at,
            author: author.handle.clone(),
            author_id: author.id.clone(),
            author_name: author.name.clone(),
            followers: (place == Place::Microblog).then_some(author.followers),
            is_team: author.is_team,
            text,
            kind: Kind::Post,
            space: None,
            language: language.to_owned(),
            parent: None,
            root: None,
            parent_author: None,
            likes,
            reposts: 0,
            replies: 0,
            quotes: 0,
            impressions: (place != Place::Boards).then_some(views),
            intended: polarity,
            about: BRANDS[brand].name,
        }
    }
}

fn views(author: &Person, place: Place, rng: &mut SmallRng) -> u64 {
    let audience = if place == Place::Microblog { author.followers as f64 } else { 260.0 };
    let luck = 1.0 / (1.0 - rng.random::<f64>()).powf(0.6);
    (6.0 + audience * rng.random_range(0.05..0.4) * luck.min(25.0)) as u64
}

fn url(place: Place, handle: &str, id: &str) -> String {
    match place {
        Place::Forum => format!("https://community.kestrovel.example/t/{id}"),
        Place::Boards => format!("https://boards.example/b/ebikes/{id}"),
        Place::Microblog => format!("https://social.example/@{handle}/{id}"),
    }
}

/// Outside the brand's own forum a post can be found only if it names the brand.
fn with_brand(text: String, brand: &StoryBrand, place: Place, rng: &mut SmallRng) -> String {
    let named = text.to_lowercase().contains(brand.handle);
    match place {
        _ if named => text,
        Place::Forum => text,
        Place::Microblog if rng.random_bool(0.5) => format!("@{} {text}", brand.handle),
        Place::Microblog => format!("{text} #{}", brand.name),
        Place::Boards => format!("({}) {text}", brand.name),
    }
}

/// The text as this person types it.
fn typed(mut text: String, voice: Voice, polarity: Polarity, rng: &mut SmallRng) -> String {
    if rng.random_bool(voice.slips) {
        text = slip(&text, rng);
    }
    if voice.no_final_stop && text.ends_with('.') {
        text.pop();
    }
    if voice.lower_case && !text.contains("http") {
        text = text.to_lowercase();
    }
    if rng.random_bool(voice.emoji) {
        let set = EMOJI[polarity as usize];
        let emoji = set[rng.random_range(0..set.len())];
        let times = if polarity != Polarity::Neutral && rng.random_bool(0.15) { 3 } else { 1 };
        text = format!("{text} {}", emoji.repeat(times));
    }
    text
}

/// Two letters change places in one longer word. Names, links and tags stay whole.
fn slip(text: &str, rng: &mut SmallRng) -> String {
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    let long: Vec<usize> = (0..words.len())
        .filter(|&at| words[at].len() > 5 && words[at].chars().all(|letter| letter.is_ascii_lowercase()))
        .filter(|&at| BRANDS.iter().all(|brand| words[at] != brand.handle))
        .collect();
    if long.is_empty() {
        return text.to_owned();
    }
    let word = &mut words[long[rng.random_range(0..long.len())]];
    let mut letters: Vec<char> = word.chars().collect();
    let at = rng.random_range(1..letters.len() - 2);
    letters.swap(at, at + 1);
    *word = letters.into_iter().collect();
    words.join(" ")
}
