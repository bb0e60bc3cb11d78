//! `grapevine theme`: which themes there are, how well they do on their examples, and what one would catch.

mod trial;

use std::{
    fs,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use anyhow::{Context, bail};
use comfy_table::{Table, presets};
use grapevine_model::{Author, Mention, MentionKey};
use grapevine_scoring::{
    Scorer,
    theme::{LEAST_EXAMPLES, Scheme, Theme, Themes},
};
use grapevine_store::{MentionRow, Sample};
use serde::Deserialize;

use super::{figure, span};
use crate::{
    args::{ThemeCommand, ThemeTestArgs, ThemeTryArgs, WithConfig},
    config::{self, Config, ScoringSection},
    parts,
};
use trial::{Caught, Trial};

pub async fn run(command: &ThemeCommand) -> anyhow::Result<ExitCode> {
    match command {
        ThemeCommand::List(args) => list(&args.with)?,
        ThemeCommand::Try(args) => try_one(args).await?,
        ThemeCommand::Test(args) => test(args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The configuration's themes and section; the defaults where there is no configuration.
fn configured(with: &WithConfig) -> anyhow::Result<(Vec<Theme>, ScoringSection)> {
    if !with.config.exists() {
        return Ok((Vec::new(), ScoringSection::default()));
    }
    let config = config::load(&with.config)?;
    Ok((config.themes, config.scoring))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Draft {
    #[serde(rename = "theme")]
    themes: Vec<Theme>,
}

fn read_draft(file: &Path) -> anyhow::Result<Vec<Theme>> {
    let text = fs::read_to_string(file).with_context(|| format!("{} could not be read", file.display()))?;
    let draft: Draft = toml::from_str(&text).with_context(|| {
        format!("{} is not understood\nhint: it holds [[theme]] tables and nothing else", file.display())
    })?;
    Ok(draft.themes)
}

/// A draft takes the place of the configuration's theme of the same name.
fn with_draft(mut themes: Vec<Theme>, draft: Vec<Theme>) -> Vec<Theme> {
    themes.retain(|theme| draft.iter().all(|drafted| drafted.name != theme.name));
    themes.extend(draft);
    themes
}

fn list(with: &WithConfig) -> anyhow::Result<()> {
    let (own, _) = configured(with)?;
    print_list(&Scheme::with(&own)?, &own, &mut io::stdout().lock())?;
    Ok(())
}

fn print_list(scheme: &Scheme, own: &[Theme], out: &mut impl Write) -> io::Result<()> {
    let builtin = Scheme::builtin();
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["THEME", "FROM", "EXAMPLES", "RULES", "WHAT IT IS ABOUT"]);
    for theme in &scheme.themes {
        let known = builtin.themes.iter().any(|other| other.name == theme.name);
        let from = match (known, own.iter().any(|other| other.name == theme.name)) {
            (true, false) => "built in",
            (true, true) => "both",
            (false, _) => "configuration",
        };
        let (examples, rules) = (theme.examples.len().to_string(), theme.rules.len().to_string());
        table.add_row([&theme.name, from, &examples, &rules, &theme.description]);
    }
    writeln!(out, "{}", figure::fit(table))
}

async fn test(args: &ThemeTestArgs) -> anyhow::Result<()> {
    let draft = read_draft(&args.file)?;
    let names: Vec<String> = draft.iter().map(|theme| theme.name.clone()).collect();
    let (own, section) = configured(&args.with)?;
    let scheme = Scheme::with(&with_draft(own, draft))?;
    let (themes, _) = teach(section, scheme).await?;
    let mut out = io::stdout().lock();
    for name in names {
        writeln!(out, "{name}: {}", quality(&themes, &name))?;
    }
    Ok(())
}

/// Loads the model and teaches it the themes, beside the runtime.
async fn teach(section: ScoringSection, scheme: Scheme) -> anyhow::Result<(Themes, std::sync::Arc<dyn Scorer>)> {
    tokio::task::spawn_blocking(move || {
        let (scorer, _) = parts::load_model(&section)?;
        Ok((Themes::train(scheme, &*scorer)?, scorer))
    })
    .await?
}

/// In words, what its examples say of a theme.
fn quality(themes: &Themes, name: &str) -> String {
    let Some(theme) = themes.themes().iter().find(|theme| theme.name == name) else { return "left out".into() };
    let rules = theme.rules.len();
    match themes.quality(name) {
        Some(quality) => format!(
            "{} examples, {rules} rules; cross-validated on the examples: precision {:.0} %, recall {:.0} %; told from \
             probability {:.2} on",
            quality.examples,
            quality.precision * 100.0,
            quality.recall * 100.0,
            quality.threshold
        ),
        None if theme.examples.len() < LEAST_EXAMPLES => format!(
            "{rules} rules alone decide: {} examples are too few for the model, which needs {LEAST_EXAMPLES}",
            theme.examples.len()
        ),
        None => format!("{rules} rules alone decide: the model gives no embeddings"),
    }
}

async fn try_one(args: &ThemeTryArgs) -> anyhow::Result<()> {
    let config = config::load(&args.with.config)?;
    let draft = args.draft.as_deref().map(read_draft).transpose()?.unwrap_or_default();
    let scheme = Scheme::with(&with_draft(config.themes.clone(), draft))?;
    if !scheme.themes.iter().any(|theme| theme.name == args.name) {
        let names: Vec<&str> = scheme.themes.iter().map(|theme| theme.name.as_str()).collect();
        bail!(
            "there is no theme `{}`; there are: {}\nhint: --draft FILE tries one that is not saved yet",
            args.name,
            names.join(", ")
        );
    }
    let brand = match (&args.brand, config.brands.first()) {
        (Some(brand), _) => brand.clone(),
        (None, Some(first)) => first.name.clone(),
        (None, None) => bail!("no brand is configured; name one with --brand"),
    };
    let sample = sampled(&config, args, &brand).await?;
    let (themes, scorer) = teach(config.scoring.clone(), scheme).await?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}: {}\n", args.name, quality(&themes, &args.name))?;
    writeln!(
        out,
        "{} of {} posts of {brand}, {} to {}, without the team's and reposts",
        sample.mentions.len(),
        sample.of,
        args.from,
        args.to
    )?;
    judge(&themes, &*scorer, &args.name, sample.mentions)?.print(args.show, &mut out)?;
    Ok(())
}

async fn sampled(config: &Config, args: &ThemeTryArgs, brand: &str) -> anyhow::Result<Sample> {
    let asked = span::parse(&args.from, &args.to)?;
    let open = parts::existing_store(config).await?;
    let sample = open.reader.sample(brand, asked.from, asked.to, args.posts).await;
    open.close().await;
    Ok(sample?)
}

/// What the theme says of every post. Blocking, some seconds for a thousand posts.
fn judge(themes: &Themes, scorer: &dyn Scorer, name: &str, posts: Vec<MentionRow>) -> anyhow::Result<Trial> {
    let texts: Vec<&str> = posts.iter().map(|post| post.text.as_str()).collect();
    let readings = scorer.read(&texts)?;
    let mut trial = Trial::default();
    for (post, reading) in posts.iter().zip(readings) {
        let mention = as_mention(post);
        let verdicts = themes.verdicts(&mention, reading.embedding.as_deref());
        let Some(verdict) = verdicts.into_iter().find(|verdict| verdict.theme == name) else { continue };
        trial.posts.push(Caught {
            author: post.author_handle.clone(),
            text: post.text.clone(),
            probability: verdict.probability,
            threshold: verdict.threshold,
            rule: verdict.rule,
        });
    }
    Ok(trial)
}

/// What rules look at.
fn as_mention(row: &MentionRow) -> Mention {
    let author = Author { native_id: row.author.clone(), handle: row.author_handle.clone(), ..Author::default() };
    let key = MentionKey::new(row.platform.clone(), "", row.id.to_string());
    Mention { hashtags: row.hashtags.clone(), ..Mention::new(key, author, row.created_at, row.text.clone()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn theme(name: &str, rules: &[&str]) -> Theme {
        toml::from_str(&format!("name = {name:?}\nrules = {rules:?}")).unwrap()
    }

    #[test]
    fn the_list_says_where_a_theme_comes_from() {
        let own = [theme("delivery", &["drone"]), theme("queues", &["queue", "\"long line\""])];
        let mut out = Vec::new();
        print_list(&Scheme::with(&own).unwrap(), &own, &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        let line = |name: &str| out.lines().find(|line| line.trim_start().starts_with(name)).unwrap().to_owned();
        assert!(line("delivery").contains("both") && line("queues").contains("configuration"), "{out}");
        assert!(line("question").contains("built in"), "{out}");
    }

    #[test]
    fn a_draft_takes_the_place_of_what_is_configured() {
        let themes = with_draft(vec![theme("a", &["x"]), theme("b", &["y"])], vec![theme("a", &["z"])]);
        assert_eq!(themes, [theme("b", &["y"]), theme("a", &["z"])]);
    }

    #[test]
    fn a_draft_that_holds_anything_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("draft.toml");
        fs::write(&file, "[[theme]]\nname = \"a\"\nrule = [\"x\"]\n").unwrap();
        let error = format!("{:#}", read_draft(&file).unwrap_err());
        assert!(error.contains("hint: it holds [[theme]] tables") && error.contains("`rule`"), "{error}");
    }
}
