//! Who writes in the story: invented people with habits, and the brands' own accounts.

use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::brands::{BRANDS, pick};

/// Where a post appears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Forum,
    Boards,
    Microblog,
}

impl Place {
    pub fn platform(self) -> &'static str {
        match self {
            Place::Forum => "forum",
            Place::Boards => "boards",
            Place::Microblog => "microblog",
        }
    }

    pub fn instance(self) -> &'static str {
        match self {
            Place::Forum => "community.kestrovel.example",
            Place::Boards => "boards.example",
            Place::Microblog => "social.example",
        }
    }
}

#[derive(Debug, Clone)]
pub struct Person {
    pub id: String,
    pub handle: String,
    pub name: String,
    pub followers: u64,
    pub is_team: bool,
    pub language: &'static str,
    pub voice: Voice,
}

/// How someone types.
#[derive(Debug, Clone, Copy, Default)]
pub struct Voice {
    pub lower_case: bool,
    pub no_final_stop: bool,
    /// Chance of an emoji, and of a slip of the keyboard, per text.
    pub emoji: f64,
    pub slips: f64,
}

pub struct People {
    members: Vec<Person>,
    pub team: Vec<Person>,
}

const GIVEN: [&str; 64] = [
    "Ada", "Amir", "Anke", "Anouk", "Arjun", "Bea", "Ben", "Carla", "Chidi", "Clara", "Dario", "Dina", "Elif", "Emil",
    "Eva", "Farid", "Fenna", "Finn", "Greta", "Hana", "Hugo", "Ida", "Igor", "Imani", "Ines", "Jonas", "Jorge", "Juno",
    "Kai", "Kira", "Lars", "Leila", "Lena", "Lior", "Luca", "Lucie", "Mads", "Maja", "Marco", "Marta", "Milo", "Nadia",
    "Nico", "Nina", "Noor", "Olga", "Omar", "Pablo", "Petra", "Quentin", "Rafa", "Rosa", "Samir", "Sanne", "Sara",
    "Tarek", "Theo", "Tilda", "Tom", "Uma", "Vera", "Willem", "Yuki", "Zoe",
];
const HABITS: [&str; 32] = [
    "rides",
    "pedals",
    "commutes",
    "onwheels",
    "outdoors",
    "codes",
    "bakes",
    "reads",
    "runs",
    "draws",
    "teaches",
    "builds",
    "gardens",
    "cycles",
    "uphill",
    "daily",
    "offgrid",
    "slowly",
    "inthecity",
    "and_dog",
    "repairs",
    "hikes",
    "bikes",
    "notes",
    "travels",
    "loud",
    "quiet",
    "maps",
    "photos",
    "lab",
    "studio",
    "radio",
];

impl People {
    pub fn new(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed ^ 0x9e0_91e5);
        let members = (0..5_200).map(|number| member(number, &mut rng)).collect();
        Self { members, team: team() }
    }

    /// A member at random: few write often, most write once or twice. In an uproar everyone writes.
    pub fn member(&self, english_only: bool, uproar: bool, rng: &mut SmallRng) -> &Person {
        loop {
            let skew = if uproar { 1.0 } else { 1.7 };
            let at = rng.random::<f64>().powf(skew) * self.members.len() as f64;
            let person = &self.members[(at as usize).min(self.members.len() - 1)];
            if !english_only || person.language == "en" {
                return person;
            }
        }
    }

    /// An own account of the brand, fit for the place.
    pub fn staff(&self, brand: usize, place: Place, rng: &mut SmallRng) -> &Person {
        let own: Vec<&Person> = self.team.iter().filter(|one| one.id.starts_with(BRANDS[brand].handle)).collect();
        let at = match place {
            Place::Forum => rng.random_range(2..own.len()),
            _ => rng.random_range(0..2),
        };
        own[at]
    }
}

fn member(number: usize, rng: &mut SmallRng) -> Person {
    let given = pick(&GIVEN, rng);
    let initial = char::from(b'A' + rng.random_range(0..26));
    let tail = rng.random_range(1..99);
    let handle = match rng.random_range(0..3) {
        0 => format!("{}_{}{number}", given.to_lowercase(), pick(&HABITS, rng)),
        1 => format!("{}{}{number}", pick(&HABITS, rng), given.to_lowercase()),
        _ => format!("{}.{}{number}{tail}", given.to_lowercase(), initial.to_ascii_lowercase()),
    };
    let language = match rng.random_range(0..100) {
        0..67 => "en",
        67..79 => "es",
        79..91 => "de",
        _ => "fr",
    };
    let followers = (40.0 / (1.0 - rng.random::<f64>()).powf(1.15)).min(2_400_000.0) as u64;
    let name = format!("{given} {initial}.");
    Person {
        id: format!("u{}", 100_000 + number),
        handle,
        name,
        followers,
        is_team: false,
        language,
        voice: voice(rng),
    }
}

fn voice(rng: &mut SmallRng) -> Voice {
    Voice {
        lower_case: rng.random_bool(0.14),
        no_final_stop: rng.random_bool(0.35),
        emoji: if rng.random_bool(0.4) { 0.55 } else { 0.06 },
        slips: if rng.random_bool(0.25) { 0.3 } else { 0.03 },
    }
}

fn team() -> Vec<Person> {
    let account = |handle: &str, name: &str, followers: u64| Person {
        id: format!("{handle}-account"),
        handle: handle.to_owned(),
        name: name.to_owned(),
        followers,
        is_team: true,
        language: "en",
        voice: Voice::default(),
    };
    let mut team = vec![account("kestrovel", "Kestrovel", 184_000), account("kestrovelcare", "Kestrovel Care", 21_400)];
    for (given, followers) in [("ines", 310), ("tomas", 120), ("priya", 540)] {
        let mut person = account(&format!("{given}_kestrovel"), &format!("{given} (Kestrovel)"), followers);
        person.id = format!("kestrovel-{given}");
        team.push(person);
    }
    for brand in &BRANDS[1..] {
        team.push(account(brand.handle, brand.name, 96_000));
        team.push(account(brand.care, &format!("{} Support", brand.name), 8_200));
    }
    team
}
