//! Credentials files, as `nsc` and `nats auth` write them: a user's JWT, and the seed to sign with.

#[cfg(test)]
mod tests;

use core::fmt;

/// What a credentials file has in it, borrowed from its text. Never shown.
///
/// Read as nats.go and nats.rs do, and a little more leniently. A block is a line between two lines of
/// dashes, three or more at either end, whatever stands between the dashes. Line ends may be CRLF,
/// and a byte order mark, blanks and blank lines are skipped, like all other text. The lines of
/// dashes may be missing: a JWT alone is one, and so is a seed. The first JWT and the first seed
/// count.
///
/// ```
/// use nats_proto::creds::Credentials;
///
/// let file = "\
/// -----BEGIN NATS USER JWT-----
/// eyJ0eXAiOiJKV1QifQ.eyJuYXRzIjp7fX0.c2ln
/// ------END NATS USER JWT------
///
/// -----BEGIN USER NKEY SEED-----
/// SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY
/// ------END USER NKEY SEED------
/// ";
/// let credentials = Credentials::new(file)?;
/// assert!(credentials.jwt().is_some_and(|jwt| jwt.starts_with("eyJ0")));
/// assert!(credentials.seed().is_some_and(|seed| seed.starts_with("SU")));
/// # Ok::<(), nats_proto::creds::CredsParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Credentials<'a> {
    jwt: Option<&'a str>,
    seed: Option<&'a str>,
}

/// Why there are no credentials in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CredsParseError {
    /// There is neither a JWT nor a seed.
    Missing,
    /// The text in place of the JWT is not a JWT.
    Jwt,
    /// The text in place of the seed is not a seed.
    Seed,
}

impl<'a> Credentials<'a> {
    /// Finds the credentials. Whether the seed's checksum is right, and what the JWT says, is not
    /// looked at.
    ///
    /// # Errors
    ///
    /// [`CredsParseError`] if they are missing or malformed.
    pub fn new(text: &'a str) -> Result<Self, CredsParseError> {
        let mut found = Self { jwt: None, seed: None };
        let mut block = Block::Outside;
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        for line in text.split(['\n']).map(str::trim) {
            if is_marker(line) {
                found.leave(block)?;
                block = Block::of_marker(line);
            } else if is_jwt(line) {
                found.jwt = found.jwt.or(Some(line));
            } else if is_seed(line) {
                found.seed = found.seed.or(Some(line));
            }
        }
        // The last block may have no end.
        found.leave(block)?;
        if found.jwt.is_none() && found.seed.is_none() {
            return Err(CredsParseError::Missing);
        }
        Ok(found)
    }

    /// The user's JWT.
    #[must_use]
    pub const fn jwt(&self) -> Option<&'a str> {
        self.jwt
    }

    /// The seed of the user's key.
    #[must_use]
    pub const fn seed(&self) -> Option<&'a str> {
        self.seed
    }

    /// A block must keep what it promised.
    const fn leave(&self, block: Block) -> Result<(), CredsParseError> {
        match block {
            Block::Jwt if self.jwt.is_none() => Err(CredsParseError::Jwt),
            Block::Seed if self.seed.is_none() => Err(CredsParseError::Seed),
            _ => Ok(()),
        }
    }
}

/// What the last line of dashes promised.
#[derive(Clone, Copy)]
enum Block {
    Outside,
    Jwt,
    Seed,
}

impl Block {
    fn of_marker(line: &str) -> Self {
        let says = |word: &str| line.split(|c: char| !c.is_alphanumeric()).any(|part| part == word);
        match (says("BEGIN"), says("JWT"), says("SEED")) {
            (true, true, _) => Self::Jwt,
            (true, _, true) => Self::Seed,
            _ => Self::Outside,
        }
    }
}

fn is_marker(line: &str) -> bool {
    line.starts_with("---") && line.ends_with("---")
}

/// Three parts of base64url, of which the first begins with a brace.
fn is_jwt(line: &str) -> bool {
    let is_part = |part: &str| {
        let is_in_part = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'=');
        !part.is_empty() && part.bytes().all(is_in_part)
    };
    line.starts_with("ey") && line.split(['.']).count() == 3 && line.split(['.']).all(is_part)
}

/// Base32 that begins as seeds do, and is not just a word. A seed that lost some letters is one:
/// it is an error, so that it is not taken for a file with a JWT alone.
fn is_seed(line: &str) -> bool {
    let is_in_seed = |c: u8| matches!(c, b'A'..=b'Z' | b'2'..=b'7');
    line.starts_with('S') && line.len() >= 32 && line.bytes().all(is_in_seed)
}

impl fmt::Debug for Credentials<'_> {
    /// Shows which credentials there are, and not what they are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("has_jwt", &self.jwt.is_some())
            .field("has_seed", &self.seed.is_some())
            .finish()
    }
}

impl fmt::Display for CredsParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "no JWT and no seed found",
            Self::Jwt => "the JWT is missing",
            Self::Seed => "the seed is missing",
        })
    }
}

impl core::error::Error for CredsParseError {}
