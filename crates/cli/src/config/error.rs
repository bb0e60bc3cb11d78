use std::{fmt, path::PathBuf};

/// A mistake in the configuration: where it stands, what is wrong, and how to mend it.
#[derive(Debug)]
pub struct ConfigError {
    pub file: PathBuf,
    /// From 1; absent where the mistake is in no line (a missing file).
    pub line: Option<usize>,
    pub message: String,
    pub hint: Option<String>,
    /// The line's text.
    pub excerpt: Option<String>,
}

impl ConfigError {
    /// A mistake at a byte of the file's text.
    pub fn at(file: PathBuf, text: &str, byte: usize, message: impl Into<String>) -> Self {
        let before = text.get(..byte.min(text.len())).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let excerpt = text.lines().nth(line - 1).map(|text| text.trim_end().to_owned());
        Self { file, line: Some(line), message: message.into(), hint: None, excerpt }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, " line {line}")?;
        }
        write!(f, ": {}", self.message)?;
        if let (Some(line), Some(excerpt)) = (self.line, &self.excerpt) {
            write!(f, "\n  {line} | {excerpt}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
