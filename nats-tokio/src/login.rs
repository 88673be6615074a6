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
    pedantic: bool,
    source: Source,
}

/// The servers that were given to us, whole but for the credentials of their URLs, and these.
#[derive(Default)]
pub(crate) struct UrlCredentials(Vec<(String, Auth)>);

pub(crate) type Proving = Pin<Box<dyn Future<Output = Result<Proof, LoginError>> + Send>>;

impl Login {
    pub(crate) fn new(options: &ConnectOptions) -> Result<Self, CredentialsError> {
        if let Source::Invalid(error) = options.auth {
            return Err(error);
        }
        Ok(Self {
            name: options.name.clone(),
            echo: options.echo,
            pedantic: options.pedantic,
            source: options.auth.clone(),
        })
    }

    /// Answers a server that wants to know who we are. Nothing happens before it is polled.
    pub(crate) fn prove(
        &self,
        of_urls: &UrlCredentials,
        challenge: &session::Challenge<'_>,
    ) -> Proving {
        let of_url = of_urls.find(&challenge.server, self.source.is_none());
        let source = of_url.map_or_else(|| self.source.clone(), |auth| auth.clone().into());
        let challenge = Challenge {
            server: challenge.server.to_string(),
            nonce: challenge.nonce.to_owned(),
            auth_required: challenge.auth_required,
        };
        Box::pin(source.prove(challenge))
    }

    /// What to say, `proof` included.
    pub(crate) fn connect<'l>(&'l self, headers: bool, proof: &'l Proof) -> Connect<'l> {
        proof.fill(Connect {
            name: self.name.as_deref(),
            echo: self.echo,
            pedantic: self.pedantic,
            version: env!("CARGO_PKG_VERSION"),
            headers,
            no_responders: headers,
            ..Connect::DEFAULT
        })
    }
}

impl UrlCredentials {
    pub(crate) fn new(servers: &[ServerUrl<'_>]) -> Self {
        let whole = |url: &ServerUrl<'_>| {
            let mut text = Vec::new();
            // There is room as long as there is memory.
            let _ = url.encode(&mut text);
            String::from_utf8(text).unwrap_or_default()
        };
        Self(servers.iter().map(|url| (whole(url), of_url(url))).collect())
    }

    /// The credentials for `server`. One that is not known here was discovered, and belongs to those
    /// that are: it gets the first there are, if `or_first`.
    fn find(&self, server: &ServerUrl<'_>, or_first: bool) -> Option<&Auth> {
        let is_it = |address| ServerUrl::new(address).is_ok_and(|url| url.is_same_server(server));
        let known = self.0.iter().find(|(address, _)| is_it(address));
        let first = || self.0.iter().find(|(_, auth)| !auth.is_none());
        let found = known.or_else(|| or_first.then(first).flatten());
        found.map(|(_, auth)| auth).filter(|auth| !auth.is_none())
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

    async fn proof(login: &Login, of_urls: &UrlCredentials, server: &str) -> Proof {
        let server = ServerUrl::new(server).unwrap();
        let challenge =
            session::Challenge { server, nonce: "", auth_required: true, headers: true };
        login.prove(of_urls, &challenge).await.unwrap()
    }

    /// User, password and token that are sent to a server.
    async fn told(options: ConnectOptions, server: &str) -> String {
        let login = Login::new(&options).unwrap();
        let urls = SERVERS.map(|text| ServerUrl::new(text).unwrap());
        let proof = proof(&login, &UrlCredentials::new(&urls), server).await;
        let connect = login.connect(true, &proof);
        format!("{:?} {:?} {:?}", connect.user, connect.pass, connect.auth_token)
            .replace("None", "-")
            .replace("Some", "")
    }

    const SERVERS: [&str; 3] = ["c", "nats://u:p%40@a", "nats://t0ken@b:1"];

    #[tokio::test]
    async fn a_urls_own_credentials_come_first() {
        for (server, expected) in [
            ("nats://A:4222", "(\"u\") (\"p@\") -"),
            ("b:1", "- - (\"t0ken\")"),
            ("c", "- - (\"opt\")"),
            ("discovered", "- - (\"opt\")"),
        ] {
            assert_eq!(
                told(ConnectOptions::new().token("opt"), server).await,
                expected,
                "{server}"
            );
        }
    }

    #[tokio::test]
    async fn discovered_servers_belong_to_the_ones_we_know() {
        for (server, expected) in [
            ("a", "(\"u\") (\"p@\") -"),
            ("b:1", "- - (\"t0ken\")"),
            ("c", "- - -"),
            ("discovered", "(\"u\") (\"p@\") -"),
        ] {
            assert_eq!(told(ConnectOptions::new(), server).await, expected, "{server}");
        }
    }

    #[tokio::test]
    async fn what_else_is_said() {
        let login = Login::new(&ConnectOptions::new().name("n").no_echo()).unwrap();
        let proof = proof(&login, &UrlCredentials::default(), "a").await;
        let connect = login.connect(true, &proof);
        assert_eq!((connect.name, connect.echo, connect.verbose), (Some("n"), false, false));
        assert!(connect.headers && connect.no_responders);
        let connect = login.connect(false, &proof);
        assert!(!connect.headers && !connect.no_responders, "no responders need headers");
        assert!(!connect.pedantic);
        let login = Login::new(&ConnectOptions::new().pedantic()).unwrap();
        assert!(login.connect(true, &proof).pedantic);
    }
}
