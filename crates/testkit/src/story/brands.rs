//! The brands of the story. All names are invented.

use rand::{Rng, rngs::SmallRng};

use super::grammar::Words;

/// A brand of the story, and how its posts write about it.
pub struct StoryBrand {
    pub name: &'static str,
    pub handle: &'static str,
    pub care: &'static str,
    pub models: [&'static str; 3],
    pub rivals: [&'static str; 2],
    pub prices: [&'static str; 3],
}

/// The brand that the story is about.
pub const MAIN: &str = "Kestrovel";
pub const LAUNCHED: &str = "Lark";
pub const LAUNCH_TAG: &str = "#MeetTheLark";
pub const CRISIS_TAG: &str = "#KestrovelDown";

pub const BRANDS: [StoryBrand; 3] = [
    StoryBrand {
        name: MAIN,
        handle: "kestrovel",
        care: "kestrovelcare",
        models: ["Arc", "Heron", "Arc Cargo"],
        rivals: ["Lumbrike", "Ombrask"],
        prices: ["2,900", "3,400", "2,649"],
    },
    StoryBrand {
        name: "Lumbrike",
        handle: "lumbrike",
        care: "lumbrikehelp",
        models: ["One", "Trail", "One Plus"],
        rivals: [MAIN, "Ombrask"],
        prices: ["1,990", "2,450", "2,199"],
    },
    StoryBrand {
        name: "Ombrask",
        handle: "ombrask",
        care: "ombrasksupport",
        models: ["K2", "Metro", "K4"],
        rivals: [MAIN, "Lumbrike"],
        prices: ["1,390", "1,650", "1,849"],
    },
];

impl StoryBrand {
    /// The words of one text about this brand.
    pub fn words(&self, written: &str, rng: &mut SmallRng) -> Words {
        let tag = if rng.random_bool(0.5) { CRISIS_TAG } else { "#update52" };
        Words::from([
            ("B", written.to_owned()),
            ("M", pick(&self.models, rng).to_owned()),
            ("R", pick(&self.rivals, rng).to_owned()),
            ("L", LAUNCHED.to_owned()),
            ("T", self.name.to_owned()),
            ("tag", LAUNCH_TAG.to_owned()),
            ("crisis_tag", tag.to_owned()),
            ("B_price", pick(&self.prices, rng).to_owned()),
            ("site_own", self.handle.to_owned()),
            ("name", "there".to_owned()),
        ])
    }

    /// The brand as people write it. Hashtags and handles only where they are in use.
    pub fn written(&self, microblog: bool, rng: &mut SmallRng) -> String {
        match rng.random_range(0..100) {
            0..8 if microblog => format!("#{}", self.name),
            8..17 if microblog => format!("@{}", self.handle),
            17..24 => self.name.to_lowercase(),
            24..26 => self.name.to_uppercase(),
            _ => self.name.to_owned(),
        }
    }
}

pub fn pick<'a>(from: &[&'a str], rng: &mut SmallRng) -> &'a str {
    from[rng.random_range(0..from.len())]
}

/// Does this handle speak for one of the brands?
pub fn is_team(handle: &str) -> bool {
    BRANDS.iter().any(|brand| handle.contains(brand.handle))
}

/// `[[brand]]` tables of the configuration for this story.
pub fn config_toml() -> String {
    let main = r##"[[brand]]
name = "Kestrovel"
accounts = ["kestrovel", "kestrovelcare", "ines_kestrovel", "tomas_kestrovel", "priya_kestrovel"]
spaces = ["kestrovel-support", "kestrovel-rides", "kestrovel-ideas", "kestrovel-shop"]

[[brand.monitor]]
name = "Brand name"
query = "kestrovel OR #kestrovel OR @kestrovel OR @kestrovelcare OR #kestroveldown"

[[brand.monitor]]
name = "Lark launch"
query = '#meetthelark OR (kestrovel AND lark)'
"##;
    let mut toml = main.to_owned();
    for brand in &BRANDS[1..] {
        let StoryBrand { name, handle, care, .. } = brand;
        toml.push_str(&format!(
            "\n[[brand]]\nname = \"{name}\"\ncompetitor = true\naccounts = [\"{handle}\", \"{care}\"]\n\n\
             [[brand.monitor]]\nname = \"Brand name\"\nquery = \"{handle} OR #{handle} OR @{handle} OR @{care}\"\n"
        ));
    }
    toml
}
