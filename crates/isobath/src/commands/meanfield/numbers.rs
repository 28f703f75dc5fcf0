//! Numbers, lists and ranges on the command line: `1.5`, `1.2,1.5,1.7`, `0.5:4:0.01`.

use std::str::FromStr;

use anyhow::Result;

use isobath_experiment::{Range, Values};

use crate::commands::Usage;

/// One number, or a range with its end and step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Span {
    One(f64),
    Range(Range),
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            text.trim().parse::<f64>().map_err(|_| format!("`{text}` is not a number"))
        };
        match text.split(':').collect::<Vec<_>>()[..] {
            [one] => number(one).map(Self::One),
            [from, to, step] => {
                let (from, to, step) = (number(from)?, number(to)?, number(step)?);
                Ok(Self::Range(Range { from, to, step }))
            }
            _ => Err("use a number, or from:to:step".to_owned()),
        }
    }
}

/// Expands `spans` of the option `name`.
///
/// # Errors
/// If a range is invalid or a number occurs twice.
pub(super) fn expand(name: &str, spans: &[Span]) -> Result<Vec<f64>> {
    let usage = |error: isobath_experiment::FileError| Usage(format!("--{name}: {error}"));
    let mut numbers = Vec::new();
    for span in spans {
        match span {
            Span::One(number) => numbers.push(*number),
            Span::Range(range) => {
                numbers.extend(Values::Range(*range).expand(name).map_err(usage)?);
            }
        }
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<f64>> {
        let spans: Vec<Span> = text.split(',').map(|part| part.parse().unwrap()).collect();
        expand("sigma-w2", &spans)
    }

    #[test]
    fn lists_and_ranges_mix() {
        assert_eq!(parse("0.5:1:0.25,3").unwrap(), [0.5, 0.75, 1.0, 3.0]);
        assert_eq!(parse("-1").unwrap(), [-1.0]);
    }

    #[test]
    fn invalid_ranges_are_rejected() {
        assert!("1:2".parse::<Span>().is_err());
        assert!("a".parse::<Span>().is_err());
        let error = parse("2:1:0.1").unwrap_err().to_string();
        assert!(error.contains("--sigma-w2") && error.contains("below"), "{error}");
        assert!(parse("0:1:0").is_err());
    }
}
