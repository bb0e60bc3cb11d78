//! What the author wants, by rules.
//!
//! Read in this order, the first that holds wins:
//!
//! 1. **Purchase**: says that they buy, are about to, or look for where to.
//! 2. **Suggestion**: asks for something that does not exist yet.
//! 3. **Question**: a sentence that ends in a question mark and is not rhetorical, or that begins as a question does.
//! 4. **Complaint**: negative, and names something that went wrong.
//! 5. **Praise**: positive, and says so in words of praise.
//!
//! English, Spanish, German and French. The rules see the normalised text, where a link is only `http`: a question mark
//! inside a link asks nothing. They are a first form: they miss what is said in other words, and cannot hear irony.

use std::sync::LazyLock;

use grapevine_model::{Intent, Polarity};
use regex::RegexSet;

/// Name and version of these rules. A change that alters results raises it.
pub const RULES: &str = "rules@1";

/// The intent of a normalised text whose polarity is known.
pub fn intent(normalised: &str, polarity: Polarity) -> Intent {
    if buys(normalised, polarity) {
        Intent::Purchase
    } else if SUGGESTION.is_match(normalised) {
        Intent::Suggestion
    } else if asks(normalised) {
        Intent::Question
    } else if polarity == Polarity::Negative && COMPLAINT.is_match(normalised) {
        Intent::Complaint
    } else if polarity == Polarity::Positive && PRAISE.is_match(normalised) {
        Intent::Praise
    } else {
        Intent::None
    }
}

/// "Just bought it and it broke" is no wish to buy: what was bought counts only where the text is not negative.
fn buys(text: &str, polarity: Polarity) -> bool {
    let bought = polarity != Polarity::Negative && BOUGHT.is_match(text);
    (bought || WILL_BUY.is_match(text)) && !WILL_NOT_BUY.is_match(text)
}

fn asks(text: &str) -> bool {
    let marked = text.split_inclusive(QUESTION_MARKS).filter(|piece| piece.ends_with(QUESTION_MARKS)).any(|piece| {
        let sentence = piece.trim_end_matches(QUESTION_MARKS);
        let sentence = sentence.rsplit(['.', '!', '\n']).next().unwrap_or(sentence);
        sentence.chars().any(char::is_alphabetic) && !RHETORICAL.is_match(sentence)
    });
    marked || (QUESTION_OPENING.is_match(text) && !RHETORICAL.is_match(text))
}

/// Latin, full width, Arabic.
const QUESTION_MARKS: [char; 3] = ['?', '？', '؟'];

fn rules(patterns: &[&str]) -> RegexSet {
    let patterns = patterns.iter().map(|pattern| format!("(?i){pattern}"));
    RegexSet::new(patterns).expect("constant patterns that the tests compile")
}

static WILL_BUY: LazyLock<RegexSet> = LazyLock::new(|| {
    rules(&[
        r"\b(want|wanting|need|going|planning|ready|about|looking|hoping|excited|tempted|like|love) to (buy|purchase|order|pre-?order|subscribe)\b",
        r"\bwhere (can|could|do|should) (i|we|one) (buy|get (one|mine|it|them)|order|purchase|pre-?order)\b",
        r"\b(thinking|think) (of|about) (buying|getting|ordering|switching to|subscribing)\b",
        r"\b(take my money|i'?ll take (one|two|three)|(on|to) my wish ?list|back in stock|can'?t wait to (buy|get|order))\b",
        r"\b(quiero|quisiera|voy a|pienso) (comprar|comprarme|pedir|suscribirme)|d[oó]nde (puedo |se puede )?comprar",
        r"\bwo (kann|könnte) (ich|man)\b.*\b(kaufen|bestellen)|\b(will|möchte|werde) (ich )?(mir )?\b.*\b(kaufen|bestellen)\b",
        r"\b(je veux|je vais|j'aimerais|je compte) (l'|le |la |les |en |m')?(acheter|commander)|où (puis-je |peut-on )?(l'|le |la )?acheter",
    ])
});

static BOUGHT: LazyLock<RegexSet> = LazyLock::new(|| {
    rules(&[
        r"\b(just|finally|already) (bought|ordered|purchased|pre-?ordered|subscribed|signed up)\b",
        r"\bacabo de (comprar|pedir|suscribirme)",
        r"\b(gerade|eben|endlich)\b.*\b(gekauft|bestellt|abonniert)\b",
        r"\b(je viens|on vient) (de |d')(l'|le |la )?(acheter|commander)",
    ])
});

static WILL_NOT_BUY: LazyLock<RegexSet> = LazyLock::new(|| {
    rules(&[
        r"(\b(not|never|no longer|nobody|stop)\b|n'?t\b) (\w+ ){0,3}(buy|buying|purchase|order|ordering|subscribe)\b",
        r"\b(no|nunca) (quiero|quisiera|voy a|pienso) (comprar|pedir)",
        r"\b(nicht|nie|nie wieder|kein\w*)\b.*\b(kaufen|bestellen)\b",
        r"\b(ne|n')\b.*\b(plus|pas|jamais)\b.*\b(acheter|commander)",
    ])
});

static SUGGESTION: LazyLock<RegexSet> = LazyLock::new(|| {
    rules(&[
        r"\b(please|pls|plz) (just )?(add|bring back|consider|support|allow|let us|give us|make|include|introduce)\b",
        r"\b(would|'d|could) be (so |really |very |super )?(nice|great|cool|awesome|good|helpful|useful|amazing|lovely) (if|to have|to see|to be able)\b",
        r"\b(feature|product) (request|suggestion|idea)\b|^suggestion\b",
        r"\b(you|they) (should|could|guys should|really should) (add|offer|include|support|bring back|make|allow|introduce)\b",
        r"\b(can|could|will|would) (you|we) (please )?(add|bring back|introduce|include)\b",
        r"\bi wish (you|it|there|they|the|we|this)\b|\b(would|'d) love (to see|an option|a way|if)\b",
        r"\b(needs|need|missing) an? ([\w-]+ ){0,2}(option|mode|feature|setting|button|filter|shortcut|widget)\b",
        r"\b(por favor (añad|agreg|pong)\w+|ser[ií]a (genial|bueno|[uú]til|estupendo)|sugerencia|ojal[aá] (añad|agreg|pusier|hubier)\w*)",
        r"\bbitte (fügt|füge|baut|ergänzt|macht|bringt)\b|\bwäre (echt |sehr |wirklich )?(schön|toll|super|gut|cool|hilfreich|klasse)\b.*\bwenn\b|(verbesserungs)?vorschlag:|\bwünsche mir\b",
        r"\b(ce serait|il serait) (vraiment )?(bien|génial|super|cool|utile|sympa)\b|serait-il possible d'ajouter|(merci d'|pouvez-vous |pourriez-vous )ajouter|\bajoutez\b",
    ])
});

static QUESTION_OPENING: LazyLock<RegexSet> = LazyLock::new(|| {
    const GREETING: &str = r"^(?:\W|@user|hi|hey|hello|hola|hallo|bonjour|salut|so|ok|okay|and|but|quick question|question|team|all|guys|everyone)*\b";
    let opening = |pattern: &str| format!("{GREETING}{pattern}");
    let patterns = [
        opening(
            r"(how|what|when|where|why|who|which|whose) (do|does|did|is|are|can|could|will|would|should|am|was|were|has|have)\b",
        ),
        opening(
            r"(how (to|come|many|much|long|often)|any(one|body) (know|knows|else|have|has|tried|using)|any (idea|news|update|eta|word) (on|when|how|why|what|if|about))\b",
        ),
        opening(r"(is|are) (there|anyone|it possible|this possible|you (guys )?(open|going|planning|hiring))\b"),
        opening(r"(does|do|did|has|have) (any(one|body)|you (guys )?(know|have|offer|support|ship))\b"),
        opening(
            r"(can|could|may) (i|someone|anyone|somebody|you (please )?(tell|help|explain|confirm|let me know|check))\b",
        ),
        opening(r"(cómo|qué|cuándo|dónde|quién|cuánto|por qué|cuál|alguien sabe|hay alguna (forma|manera))\b"),
        opening(
            r"(wann|warum|wieso|weshalb|wo|wie|was|wer) (kann|kommt|ist|sind|geht|wird|bekomme|lange|viel|viele|soll|muss|funktioniert|gibt|mache)\b",
        ),
        opening(r"(wei(ß|ss) jemand|kann mir jemand|hat jemand|gibt es)\b"),
        opening(
            r"(comment|pourquoi|quand|où|combien|qui) (est-ce|puis-je|faire|peut-on|est|sont|ça|de temps|coûte|avoir)",
        ),
        opening(r"(est-ce que|quelqu'un sait|savez-vous|avez-vous)\b"),
        "¿".to_owned(),
    ];
    rules(&patterns.each_ref().map(String::as_str))
});

static RHETORICAL: LazyLock<RegexSet> = LazyLock::new(|| {
    rules(&[
        r"^\W*((oh|yeah|wait|like|um|lol|but|and|no|so) )*(really|seriously|srsly|huh|right|what|wtf|why|how|ok|okay|eh|you know|surprised|guess what|know what)\W*$",
        r"\b(are|r) (you|u|they) (all |guys |people |even )?(kidding|serious|joking|for real|insane|crazy)\b",
        r"\b(is|was) this (some kind of |supposed to be |some sort of )?a? ?joke\b|\byou'?re kidding\b",
        r"\b(what|how|why|who|where) (in |on )?(the )?(hell|heck|fuck|f\*+k|f|actual|earth|world)\b|\bwtf\b",
        r"\bhow (hard|difficult) (can|could|is|would) (it|that)\b|\bwhat could (possibly )?go wrong\b",
        r"\bwho (cares|does (that|this)|needs (that|this|enemies|sleep)|knew|would have thought|asked)\b",
        r"\b(why|how) (do|did|would|am|is|are) \w+ (even|still|ever) (bother|exist|in business|do this|allowed)|\bwhy (even )?bother\b",
        r"\b(what'?s|what is) not to (love|like)\b|\b(isn'?t|aren'?t|ain'?t) (it|that|this|they|these|you) (just |so )?(great|amazing|awesome|lovely|cute|beautiful|wonderful|the best)\b",
        r"\bhow (cool|great|awesome|amazing|good|cute|crazy|sad|nice|rude) (is|are|was) (this|that|it|these|those)\b",
        r"\bcan (you|u) (even )?believe\b|\b(who|what) (else )?(doesn'?t|wouldn'?t) (love|want)\b|,\s*(right|huh|eh|no|yeah|innit)\s*$",
        r"\b(en serio|de verdad|es una broma)\b\W*$|\b(ernsthaft|echt jetzt|wirklich)\b\W*$|soll das ein (witz|scherz)|\b(sérieusement|sérieux)\b\W*$|une blague\b",
    ])
});

static COMPLAINT: LazyLock<RegexSet> = LazyLock::new(|| {
    rules(&[
        r"(\bnot|n'?t|\bnever|\bstopped|\bno longer|\bnothing) (\w+ )?(work|working|works|load|loading|open|opening|respond|responding|connect|arrive|arrived|help|helpful|answer)\b",
        r"\b(broken?|broke|crash(es|ed|ing)?|bugs?|buggy|errors?|fail(s|ed|ing|ure)?|glitch\w*|outage|froze|freez(es|ing)|lag(s|gy|ging)|down again|unusable|defective|faulty|damaged)\b",
        r"\b(worst|terrible|awful|horrible|horrendous|dreadful|pathetic|ridiculous|unacceptable|useless|garbage|trash|joke|disgusting|disgrace(ful)?|shame(ful)?|crap|sucks?|poor|mess)\b",
        r"\b(cancel+(ed|ing|lation)|delay(ed|s|ing)?|late|missing|lost|stuck|stranded|waiting|on hold|hung up|no (response|reply|answer|help|refund)|ignor(ed|ing)|still (no|not|waiting|nothing))\b",
        r"\b(refund|charged (me|us|twice)|overcharg\w+|over ?priced|rip-?off|scam(mers?|med)?|fraud|rude|disappoint\w+|frustrat\w+|annoy\w+|never again|unsubscrib\w+|switching to|complain\w*|hate|fix (it|this|your))\b",
        r"\b(no funciona|p[eé]sim[oa]|peor|estafa|cancelad[oa]|retras(o|ado)|reembolso|decepci\w+|verg[uü]enza|horrible|fatal|sigue sin|nunca m[aá]s|caíd[oa])\b",
        r"\b(funktioniert (\w+ )?nicht|geht (\w+ )?nicht|kaputt|schlecht\w*|furchtbar|verspät\w+|enttäusch\w+|abzocke|nie wieder|schrecklich|unverschämt|katastrophe|mies\w*|stürzt)\b",
        r"\b(fonctionne (plus|pas)|marche (plus|pas)|en panne|nulle?|pire|déçue?|arnaque|retard|annulée?|remboursement|honte|inadmissible|catastrophe|plante)\b",
    ])
});

static PRAISE: LazyLock<RegexSet> = LazyLock::new(|| {
    rules(&[
        r"\b(thanks?|thank you|thx|kudos|props|well done|good job|great job|nice work|congrat\w*|shout ?out|hats off|bravo)\b",
        r"\b(love|loving|loved|awesome|amazing|excellent|fantastic|brilliant|wonderful|outstanding|superb|perfect|incredible|impress\w+|flawless|fabulous|delight\w+|stellar)\b",
        r"\b(great|best|good|nice|happy|beautiful|smooth|helpful|friendly|recommend\w*|favou?rite|pleased|enjoy\w*|appreciate\w*|rocks?|so much better|works? (great|perfectly|like a charm))\b",
        r"\b(gracias|me encanta|excelente|genial|increíble|maravillos[oa]|perfect[oa]|buenísim[oa]|recomiendo|estupend[oa]|mejor)\b",
        r"\b(danke|liebe|großartig|toll\w*|super|klasse|perfekt|wunderbar|hervorragend|begeistert|empfehl\w*|spitze|prima|beste\w*)\b",
        r"\b(merci|j'adore|génial|excellente?|parfaite?|magnifique|incroyable|bravo|recommande|formidable|meilleure?)\b",
    ])
});

#[cfg(test)]
mod tests {
    use Intent::{Complaint, None, Praise, Purchase, Question, Suggestion};
    use Polarity::{Negative, Neutral, Positive};

    use super::*;

    /// Own sentences: what is written, its polarity, what is wanted.
    const EXAMPLES: &[(&str, Polarity, Intent)] = &[
        ("@user how do I reset my password?", Neutral, Question),
        ("How do I export my notes to a file", Neutral, Question),
        ("Does anyone know when the new version comes out", Neutral, Question),
        ("anyone else having trouble with the sync today?", Negative, Question),
        ("My parcel is three days late. Where is it?", Negative, Question),
        ("Are you kidding me? When will this be fixed?", Negative, Question),
        ("Is there a student discount", Neutral, Question),
        ("what time does the store in Leeds open?", Neutral, Question),
        ("¿Alguien sabe cuándo sale la actualización?", Neutral, Question),
        ("hola, cómo cambio mi contraseña", Neutral, Question),
        ("Wann kommt das Update für die App", Neutral, Question),
        ("Weiß jemand, wie man das Abo kündigt", Neutral, Question),
        ("Comment faire pour annuler ma commande", Neutral, Question),
        ("Est-ce que l'appli marche sur tablette ?", Neutral, Question),
        ("هل يعمل التطبيق على الجهاز اللوحي؟", Neutral, Question),
        ("Seriously? Delayed again.", Negative, Complaint),
        ("are you serious?! my flight is cancelled and nobody answers", Negative, Complaint),
        ("how hard can it be? the app keeps crashing", Negative, Complaint),
        ("The app crashes every time I open it", Negative, Complaint),
        ("worst customer service ever, still waiting for my refund", Negative, Complaint),
        ("just bought it and it is already broken", Negative, Complaint),
        ("login doesn't work since the update http", Negative, Complaint),
        ("La aplicación no funciona desde ayer, pésimo", Negative, Complaint),
        ("Die App geht nicht mehr, echt enttäuschend", Negative, Complaint),
        ("L'appli ne marche plus, je suis déçu", Negative, Complaint),
        ("Please add a dark mode", Neutral, Suggestion),
        ("It would be nice if I could pin a chat", Neutral, Suggestion),
        ("Feature request: keyboard shortcuts for the editor", Neutral, Suggestion),
        ("could you please add support for Linux?", Neutral, Suggestion),
        ("I wish there was a widget", Neutral, Suggestion),
        ("the player needs a sleep timer option", Neutral, Suggestion),
        ("Sería genial poder exportar las notas", Neutral, Suggestion),
        ("Es wäre toll, wenn es einen Nachtmodus gäbe", Neutral, Suggestion),
        ("Ce serait bien d'avoir un mode hors ligne", Neutral, Suggestion),
        ("Thank you for the quick help, great team!", Positive, Praise),
        ("I love this new camera so much", Positive, Praise),
        ("What's not to love? Brilliant update.", Positive, Praise),
        ("how cool is that? best release so far", Positive, Praise),
        ("Me encanta la nueva versión, gracias", Positive, Praise),
        ("Danke, der Support war großartig", Positive, Praise),
        ("Merci, service parfait", Positive, Praise),
        ("where can I buy the blue one?", Neutral, Purchase),
        ("I'm going to order two of these tonight", Positive, Purchase),
        ("shut up and take my money", Positive, Purchase),
        ("finally ordered the new headphones", Positive, Purchase),
        ("Wo kann ich die blaue kaufen?", Neutral, Purchase),
        ("Wo kann ich mein Passwort ändern?", Neutral, Question),
        ("Quiero comprar el nuevo modelo", Neutral, Purchase),
        ("Je viens de commander la nouvelle montre", Positive, Purchase),
        ("Endlich die neue Kamera bestellt", Positive, Purchase),
        ("I would never buy from them again, terrible quality", Negative, Complaint),
        ("I am not going to order here again", Negative, None),
        ("the store opens at nine", Neutral, None),
        ("When I arrived they had closed", Neutral, None),
        ("feeling sad today", Negative, None),
        ("sunny weekend ahead", Positive, None),
        ("???", Neutral, None),
        ("🙏🏽🙏🏽", Positive, None),
        ("", Neutral, None),
    ];

    #[test]
    fn the_rules_read_every_example_as_a_person_would() {
        let wrong: Vec<String> = EXAMPLES
            .iter()
            .filter(|(text, polarity, expected)| intent(text, *polarity) != *expected)
            .map(|(text, polarity, expected)| format!("{text:?} is {:?}, not {expected:?}", intent(text, *polarity)))
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn a_question_mark_inside_a_link_asks_nothing() {
        let text = crate::text::normalise("new post https://acme.test/read?id=5 enjoy");
        assert_eq!(intent(&text, Neutral), None);
    }
}
