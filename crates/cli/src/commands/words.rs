//! Numbers, times and foreign texts as people read them.

use jiff::Timestamp;

/// `1,234,567`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 letter`, `2 letters`.
pub fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// `812 B`, `1.2 KiB`.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

/// `2026-03-01 12:00`, in UTC.
pub fn minutes(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M").to_string()
}

/// `2026-03-01 12:00:07`, in UTC.
pub fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The two largest units: `2 d 15 h`, `3 min 20 s`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    let (days, hours, mins, secs) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60, whole % 60);
    match (days, hours, mins) {
        (0, 0, 0) => format!("{secs} s"),
        (0, 0, _) => format!("{mins} min {secs} s"),
        (0, _, _) => format!("{hours} h {mins} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// How long ago, to the second.
pub fn age(then: Timestamp, now: Timestamp) -> String {
    duration(now.duration_since(then).as_secs_f64())
}

/// A text of others in one line: what could move the cursor or change colours is shown, not sent to the terminal.
pub fn plain(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([1, 2].map(|n| counted(n, "letter", "letters")), ["1 letter", "2 letters"]);
        assert_eq!([812, 1_229, 3 << 20].map(size), ["812 B", "1.2 KiB", "3.0 MiB"]);
        assert_eq!(duration(229_118.4), "2 d 15 h");
    }

    #[test]
    fn a_text_of_others_can_not_steer_the_terminal() {
        assert_eq!(plain("a\x1b[2Jb\r\n c\u{9b}"), "a\u{fffd}[2Jb c\u{fffd}");
    }
}
