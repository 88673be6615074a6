//! The output of a program: one flat line of JSON.

/// One run's line.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    line: String,
    /// The line of the program that had a share in it.
    partner: Option<String>,
}

impl Sample {
    /// The line has to be one.
    pub(super) fn new(line: String) -> Result<Self, String> {
        if number(&line, "cpu_ns").is_none() {
            return Err(format!("this is no result: {line:?}"));
        }
        Ok(Self { line, partner: None })
    }

    /// Adds the processor time of another program.
    pub(super) fn with(self, partner: Self) -> Self {
        Self { partner: Some(partner.line), ..self }
    }

    /// A number by its name; zero if there is none.
    pub(super) fn number(&self, key: &str) -> f64 {
        let own = number(&self.line, key).unwrap_or_default();
        match &self.partner {
            Some(line) if key.ends_with("_ns") => own + number(line, key).unwrap_or_default(),
            _ => own,
        }
    }

    /// Numbers by their name.
    pub(super) fn list(&self, key: &str) -> Vec<f64> {
        let list = self.line.split_once(&format!("\"{key}\":["));
        let list = list.and_then(|(_, behind)| behind.split(']').next()).unwrap_or_default();
        list.split(',').filter_map(|number| number.parse().ok()).collect()
    }
}

fn number(line: &str, key: &str) -> Option<f64> {
    let (_, behind) = line.split_once(&format!("\"{key}\":"))?;
    behind.split([',', '}']).next()?.trim().parse().ok()
}

/// The one in the middle, the upper one of two.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read() {
        let line = r#"{"bench":"req","cpu_ns":12.5,"q":[0.5,1e3],"p50_us":7}"#;
        let sample = Sample::new(line.to_owned()).unwrap();
        assert_eq!(sample.number("cpu_ns"), 12.5);
        assert_eq!(sample.number("p50_us"), 7.0);
        assert_eq!(sample.list("q"), [0.5, 1000.0]);
        let both = sample.clone().with(sample);
        assert_eq!((both.number("cpu_ns"), both.number("p50_us")), (25.0, 7.0));
        assert!(Sample::new("READY".to_owned()).is_err());
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
    }
}
