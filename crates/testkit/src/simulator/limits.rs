//! What a platform takes: so many requests in a window, which begins with the first of them.

use grapevine_sources::conformance::shape::Left;
use jiff::{SignedDuration, Timestamp};

/// One window of one platform. Pure.
#[derive(Debug, Clone)]
pub struct Window {
    allowed: usize,
    span: SignedDuration,
    began: Timestamp,
    used: usize,
}

impl Window {
    pub fn new((allowed, span): (usize, SignedDuration)) -> Self {
        Self { allowed, span, began: Timestamp::MIN, used: 0 }
    }

    /// Counts one request. What is refused counts as well.
    pub fn ask(&mut self, now: Timestamp) -> Left {
        if now.duration_since(self.began) >= self.span {
            (self.began, self.used) = (now, 0);
        }
        self.used += 1;
        Left { allowed: self.allowed, used: self.used, resets: self.began + self.span, now }
    }
}

/// Is this request one too many?
pub fn is_beyond(left: &Left) -> bool {
    left.used > left.allowed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_window_is_refused_until_the_next_begins() {
        let at = |millis: i64| Timestamp::from_millisecond(1_772_366_400_000 + millis).unwrap();
        let mut window = Window::new((2, SignedDuration::from_secs(10)));
        assert_eq!(window.ask(at(0)).remaining(), 1);
        assert!(!is_beyond(&window.ask(at(4_500))));
        let refused = window.ask(at(9_100));
        assert!(is_beyond(&refused));
        assert_eq!((refused.remaining(), refused.seconds(), refused.resets), (0, 1, at(10_000)));
        let next = window.ask(at(10_000));
        assert_eq!((next.remaining(), next.seconds()), (1, 10));
    }
}
