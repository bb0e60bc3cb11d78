//! What a source has to show, in words.

/// One thing that a source has to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    Mapped,
    Counters,
    Replay,
    Restart,
    UnknownCursor,
    FarCursor,
    Loop,
    EqualTimes,
    Arrivals,
    EmptyPage,
    UnknownFields,
    Spoilt,
    Classes,
    Part,
    Renewal,
    Complete,
    Quota,
    Pieces,
    Heartbeats,
    Silence,
    Cut,
    Farewell,
    Flood,
    Twice,
    OutOfOrder,
    Forged,
    Unsettled,
    DeleteFirst,
    Secret,
}

impl Check {
    pub const ALL: [Check; 29] = [
        Check::Mapped,
        Check::Counters,
        Check::Replay,
        Check::Restart,
        Check::UnknownCursor,
        Check::FarCursor,
        Check::Loop,
        Check::EqualTimes,
        Check::Arrivals,
        Check::EmptyPage,
        Check::UnknownFields,
        Check::Spoilt,
        Check::Classes,
        Check::Part,
        Check::Renewal,
        Check::Complete,
        Check::Quota,
        Check::Pieces,
        Check::Heartbeats,
        Check::Silence,
        Check::Cut,
        Check::Farewell,
        Check::Flood,
        Check::Twice,
        Check::OutOfOrder,
        Check::Forged,
        Check::Unsettled,
        Check::DeleteFirst,
        Check::Secret,
    ];

    /// Head of its column, and what it says. Behind a dash stands why it may not apply.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Check::Mapped => (
                "mapped",
                "Every mention has the text, the time (UTC), the parent and the state that it should have; \
                 nothing else is there. Reply ids resolve.",
            ),
            Check::Counters => ("counters", "Likes that grow after a post was read are read again."),
            Check::Replay => ("replay", "Read twice from the beginning, it gives the same events."),
            Check::Restart => (
                "restart",
                "Killed after every page, before and after its cursor was saved, it loses nothing; what comes \
                 twice collapses by key. Cursors are the same after they went through JSON.",
            ),
            Check::UnknownCursor => (
                "cursor",
                "A cursor of an unknown version, or one that cannot be read, is lost with a word or a gap, never \
                 in silence; then it begins anew.",
            ),
            Check::FarCursor => (
                "far cursor",
                "With a cursor that is more than a year old, or as far in the future, what is new comes, or a \
                 word or a gap; never silence.",
            ),
            Check::Loop => (
                "loop",
                "A page token that leads back to the same page comes to an end, whether it is the first page or \
                 the second. –: it asks for nothing.",
            ),
            Check::EqualTimes => ("equal times", "Posts of the same moment are all there."),
            Check::Arrivals => ("arrivals", "What arrives while it pages is not lost. –: the platform has no pages."),
            Check::EmptyPage => (
                "empty",
                "Lists that are empty once are no failure and delete nothing: what comes later comes. –: no list \
                 in JSON is asked for.",
            ),
            Check::UnknownFields => {
                ("new fields", "Fields that nobody knows change nothing. –: nothing comes as JSON.")
            }
            Check::Spoilt => (
                "spoilt",
                "Every answer and every frame cut off at many lengths, and with fields missing, null or of \
                 another type: nothing panics, nothing runs for ever. –: what comes is signed, and refused.",
            ),
            Check::Classes => (
                "classes",
                "401, 403, 404, 429 with Retry-After, 5xx, an unasked 304 and HTML in place of data are told \
                 apart. –: it asks for nothing.",
            ),
            Check::Part => (
                "part",
                "Where one part of several, such as a hashtag or a channel, answers 403 or 404, the others go on \
                 and a notice says so. –: one address is all that it reads.",
            ),
            Check::Renewal => (
                "renewal",
                "A token that is refused is renewed once, and nothing is lost. –: its secret, if any, does not \
                 expire.",
            ),
            Check::Complete => {
                ("complete", "No mention comes that is older than what was said to be complete. –: it never says so.")
            }
            Check::Quota => (
                "quota",
                "Two hours of polling stay within what the platform allows in any span. –: it asks for nothing.",
            ),
            Check::Pieces => (
                "pieces",
                "A stream that comes in single bytes, with a byte order mark and CRLF, is the same stream. –: it \
                 reads none over HTTP.",
            ),
            Check::Heartbeats => (
                "heartbeats",
                "Heartbeats and nothing else are no events and no reason to connect again. –, here and up to \
                 flood: it holds no connection.",
            ),
            Check::Silence => (
                "silence",
                "A connection on which nothing comes any more, after any frame, is given up; what it missed is \
                 found.",
            ),
            Check::Cut => ("cut", "A connection that breaks after any frame is made again, and nothing is lost."),
            Check::Farewell => ("farewell", "The same where the platform ends it with an error of its own."),
            Check::Flood => ("flood", "Far more than it takes at once loses nothing."),
            Check::Twice => (
                "twice",
                "A delivery that comes twice is one mention. –, here and up to delete first: the platform does \
                 not call.",
            ),
            Check::OutOfOrder => ("order", "Deliveries in another order come to the same."),
            Check::Forged => (
                "forged",
                "A delivery that was not signed so is refused at once, and nothing comes of it. –: the platform \
                 signs nothing, too.",
            ),
            Check::Unsettled => ("unsettled", "What is not durable is not answered: it comes again."),
            Check::DeleteFirst => (
                "delete first",
                "The deletion of a post that nobody has heard of is a deletion. –: it does not tell of deletions, \
                 too.",
            ),
            Check::Secret => ("secret", "The secret stands in no log line, error, cursor or event. –: it has none."),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    /// The platform has nothing of the kind.
    DoesNotApply,
    Failed(String),
}

impl From<Result<bool, String>> for Outcome {
    /// `Ok(false)` does not apply.
    fn from(result: Result<bool, String>) -> Self {
        match result {
            Ok(true) => Outcome::Passed,
            Ok(false) => Outcome::DoesNotApply,
            Err(problem) => Outcome::Failed(problem),
        }
    }
}
