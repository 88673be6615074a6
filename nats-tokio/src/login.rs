//! Who we are: what goes into CONNECT.

use std::fmt;

use nats_proto::Encoded;
use nats_proto::ServerUrl;
use nats_proto::session::Challenge;
use nats_proto::wire::Connect;

use crate::options::ConnectOptions;

/// What proves who we are. Never shown.
#[derive(Clone)]
pub(crate) enum Credentials {
    None,
    User { name: String, password: String },
    Token(String),
}

/// Everything that CONNECT says, kept by the driver.
pub(crate) struct Login {
    name: Option<String>,
    echo: bool,
    credentials: Credentials,
    /// The credentials that URLs brought with them, and for which server.
    of_servers: Vec<(String, Credentials)>,
}

impl Login {
    pub(crate) fn new(options: &ConnectOptions, servers: &[ServerUrl<'_>]) -> Self {
        let of_servers = servers
            .iter()
            .map(|url| (url.to_string(), Credentials::of_url(url)))
            .filter(|(_, credentials)| !matches!(credentials, Credentials::None));
        Self {
            name: options.name.clone(),
            echo: options.echo,
            credentials: options.credentials.clone(),
            of_servers: of_servers.collect(),
        }
    }

    /// The answer to a server that wants to know who we are.
    pub(crate) fn connect(&self, challenge: &Challenge<'_>) -> Connect<'_> {
        let server = challenge.server.to_string();
        let of_server = self.of_servers.iter().find(|(address, _)| *address == server);
        let credentials = of_server.map_or(&self.credentials, |(_, credentials)| credentials);
        let (user, pass, auth_token) = match credentials {
            Credentials::None => (None, None, None),
            Credentials::User { name, password } => {
                (Some(name.as_str()), Some(password.as_str()), None)
            }
            Credentials::Token(token) => (None, None, Some(token.as_str())),
        };
        Connect {
            name: self.name.as_deref(),
            echo: self.echo,
            version: env!("CARGO_PKG_VERSION"),
            headers: challenge.headers,
            no_responders: challenge.headers,
            user,
            pass,
            auth_token,
            ..Connect::DEFAULT
        }
    }
}

impl Credentials {
    fn of_url(url: &ServerUrl<'_>) -> Self {
        let text = |encoded: Encoded<'_>| {
            String::from_utf8_lossy(&encoded.bytes().collect::<Vec<u8>>()).into_owned()
        };
        match (url.user().map(text), url.password().map(text)) {
            (Some(name), Some(password)) => Self::User { name, password },
            (Some(token), None) => Self::Token(token),
            (None, _) => Self::None,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::User { .. } => "User(..)",
            Self::Token(_) => "Token(..)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect<'l>(login: &'l Login, server: &'l str) -> Connect<'l> {
        let server = ServerUrl::new(server).unwrap();
        login.connect(&Challenge { server, nonce: "", auth_required: true, headers: true })
    }

    #[test]
    fn a_urls_own_credentials_come_first() {
        let servers = ["nats://u:p%40@a", "nats://t0ken@b:1", "c"];
        let urls: Vec<_> = servers.iter().map(|text| ServerUrl::new(text).unwrap()).collect();
        let options = ConnectOptions::new().name("n").no_echo().token("opt");
        let login = Login::new(&options, &urls);
        let a = connect(&login, "nats://a:4222");
        assert_eq!((a.user, a.pass, a.auth_token), (Some("u"), Some("p@"), None));
        let b = connect(&login, "b:1");
        assert_eq!((b.user, b.pass, b.auth_token), (None, None, Some("t0ken")));
        let c = connect(&login, "c");
        assert_eq!((c.user, c.pass, c.auth_token), (None, None, Some("opt")));
        assert_eq!((c.name, c.echo, c.verbose), (Some("n"), false, false));
    }

    #[test]
    fn no_responders_need_headers() {
        let login = Login::new(&ConnectOptions::new(), &[]);
        let server = ServerUrl::new("a").unwrap();
        let challenge = Challenge { server, nonce: "", auth_required: false, headers: false };
        let connect = login.connect(&challenge);
        assert!(!connect.headers && !connect.no_responders);
    }

    #[test]
    fn credentials_are_not_shown() {
        let options = ConnectOptions::new().user_and_password("joe", "s3cret");
        assert!(!format!("{options:?} {:?}", options.credentials).contains("s3cret"));
    }
}
