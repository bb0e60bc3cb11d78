mod language;
mod matching;
mod properties;
mod support;
