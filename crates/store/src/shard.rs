use std::{path::Path, str::FromStr};

/// One part of a run that several processes share, written `2/3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Number of the part, from 1.
    pub index: usize,
    /// Number of parts.
    pub count: usize,
}

/// Maximum number of shards; a larger number is a typing error.
const MOST: usize = 1_000_000;

/// Error for a text that is not `K/N`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` must be K/N with K from 1 to N and N at most {MOST}, such as 1/2")]
pub struct ParseShardError {
    text: String,
}

impl Shard {
    /// Name of the shard's files without extension: `2-of-3`.
    pub(crate) fn stem(self) -> String {
        format!("{}-of-{}", self.index, self.count)
    }

    /// The shard whose file this is.
    pub(crate) fn of_file(path: &Path) -> Option<Self> {
        let (index, count) = path.file_stem()?.to_str()?.split_once("-of-")?;
        format!("{index}/{count}").parse().ok()
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = ParseShardError;

    fn from_str(text: &str) -> Result<Self, ParseShardError> {
        let parse = || {
            let (index, count) = text.split_once('/')?;
            let (index, count) = (index.parse().ok()?, count.parse().ok()?);
            ((1..=count).contains(&index) && count <= MOST).then_some(Self { index, count })
        };
        parse().ok_or_else(|| ParseShardError { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_parse() {
        let shard = Shard { index: 2, count: 3 };
        assert_eq!("2/3".parse(), Ok(shard));
        assert_eq!(shard.to_string(), "2/3");
        let file = format!("shards/{}.sqlite", shard.stem());
        assert_eq!(Shard::of_file(Path::new(&file)), Some(shard));
        assert_eq!(Shard::of_file(Path::new("shards/4-of-3.sqlite")), None);
        for text in ["", "1", "0/2", "3/2", "1/0", "a/b", "1/2/3", "1/99999999999"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
