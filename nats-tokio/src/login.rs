//! What goes into CONNECT.

use std::future::Future;
use std::pin::Pin;

use nats_proto::Encoded;
use nats_proto::ServerUrl;
use nats_proto::session;
use nats_proto::wire::Connect;

use crate::auth::Auth;
use crate::auth::Challenge;
use crate::auth::CredentialsError;
use crate::auth::LoginError;
use crate::auth::Proof;
use crate::auth::Source;
use crate::options::ConnectOptions;

/// Everything that CONNECT says, kept by the driver.
pub(crate) struct Login {
    name: Option<String>,
    echo: bool,
    source: Source,
    /// The servers that were given to us, with the credentials of their URLs.
    servers: Vec<(String, Auth)>,
}

pub(crate) type Proving = Pin<Box<dyn Future<Output = Result<Proof, LoginError>> + Send>>;

impl Login {
    pub(crate) fn new(
        options: &ConnectOptions,
        servers: &[ServerUrl<'_>],
    ) -> Result<Self, CredentialsError> {
        if let Source::Invalid(error) = options.auth {
            return Err(error);
        }
        Ok(Self {
            name: options.name.clone(),
            echo: options.echo,
            source: options.auth.clone(),
            servers: servers.iter().map(|url| (url.to_string(), of_url(url))).collect(),
        })
    }

    /// Answers a server that wants to know who we are. Nothing happens before it is polled.
    pub(crate) fn prove(&self, challenge: &session::Challenge<'_>) -> Proving {
        let challenge = Challenge {
            server: challenge.server.to_string(),
            nonce: challenge.nonce.to_owned(),
            auth_required: challenge.auth_required,
        };
        Box::pin(self.source(&challenge.server).prove(challenge))
    }

    /// What to say, `proof` included.
    pub(crate) fn connect<'l>(&'l self, headers: bool, proof: &'l Proof) -> Connect<'l> {
        proof.fill(Connect {
            name: self.name.as_deref(),
            echo: self.echo,
            version: env!("CARGO_PKG_VERSION"),
            headers,
            no_responders: headers,
            ..Connect::DEFAULT
        })
    }

    /// Whose credentials are for `server`.
    fn source(&self, server: &str) -> Source {
        let has_some = |auth: &&Auth| !auth.is_none();
        let mut of_urls = self.servers.iter().map(|(_, auth)| auth);
        let of_url = match self.servers.iter().find(|(address, _)| address == server) {
            Some((_, auth)) => Some(auth).filter(has_some),
            // A server that others told us of belongs to them.
            None if self.source.is_none() => of_urls.find(has_some),
            None => None,
        };
        of_url.map_or_else(|| self.source.clone(), |auth| Source::Fixed(auth.clone()))
    }
}

fn of_url(url: &ServerUrl<'_>) -> Auth {
    let text = |encoded: Encoded<'_>| {
        String::from_utf8_lossy(&encoded.bytes().collect::<Vec<u8>>()).into_owned()
    };
    match (url.user().map(text), url.password().map(text)) {
        (Some(name), Some(password)) => Auth::user_and_password(name, password),
        (Some(token), None) => Auth::token(token),
        (None, _) => Auth::none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn proof(login: &Login, server: &str) -> Proof {
        let server = ServerUrl::new(server).unwrap();
        let challenge =
            session::Challenge { server, nonce: "", auth_required: true, headers: true };
        login.prove(&challenge).await.unwrap()
    }

    fn login(options: &ConnectOptions, servers: &[&str]) -> Login {
        let urls: Vec<_> = servers.iter().map(|text| ServerUrl::new(text).unwrap()).collect();
        Login::new(options, &urls).unwrap()
    }

    /// User, password and token that are sent to a server.
    async fn told(login: &Login, server: &str) -> String {
        let proof = proof(login, server).await;
        let connect = login.connect(true, &proof);
        format!("{:?} {:?} {:?}", connect.user, connect.pass, connect.auth_token)
            .replace("None", "-")
            .replace("Some", "")
    }

    const SERVERS: [&str; 3] = ["c", "nats://u:p%40@a", "nats://t0ken@b:1"];

    #[tokio::test]
    async fn a_urls_own_credentials_come_first() {
        let login = login(&ConnectOptions::new().token("opt"), &SERVERS);
        for (server, expected) in [
            ("nats://a:4222", "(\"u\") (\"p@\") -"),
            ("b:1", "- - (\"t0ken\")"),
            ("c", "- - (\"opt\")"),
            ("discovered", "- - (\"opt\")"),
        ] {
            assert_eq!(told(&login, server).await, expected, "{server}");
        }
    }

    #[tokio::test]
    async fn discovered_servers_belong_to_the_ones_we_know() {
        let login = login(&ConnectOptions::new(), &SERVERS);
        for (server, expected) in [
            ("a", "(\"u\") (\"p@\") -"),
            ("b:1", "- - (\"t0ken\")"),
            ("c", "- - -"),
            ("discovered", "(\"u\") (\"p@\") -"),
        ] {
            assert_eq!(told(&login, server).await, expected, "{server}");
        }
    }

    #[tokio::test]
    async fn what_else_is_said() {
        let login = login(&ConnectOptions::new().name("n").no_echo(), &[]);
        let proof = proof(&login, "a").await;
        let connect = login.connect(true, &proof);
        assert_eq!((connect.name, connect.echo, connect.verbose), (Some("n"), false, false));
        assert!(connect.headers && connect.no_responders);
        let connect = login.connect(false, &proof);
        assert!(!connect.headers && !connect.no_responders, "no responders need headers");
    }
}
