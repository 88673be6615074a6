//! What goes into CONNECT.

use std::future::Future;
use std::pin::Pin;

use nats_proto::session;
use nats_proto::wire::Connect;

use crate::auth::Challenge;
use crate::auth::ResolvedAuth;
use crate::auth::Source;
use crate::auth::url::UrlCredentials;
use crate::error::AuthError;

/// Everything that CONNECT says, kept by the driver.
pub(crate) struct Login {
    pub(crate) name: Option<String>,
    pub(crate) echo: bool,
    pub(crate) pedantic: bool,
    pub(crate) source: Source,
}

pub(crate) type Proving = Pin<Box<dyn Future<Output = Result<ResolvedAuth, AuthError>> + Send>>;

impl Login {
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
    pub(crate) fn connect<'l>(&'l self, headers: bool, proof: &'l ResolvedAuth) -> Connect<'l> {
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

#[cfg(test)]
mod tests {
    use nats_proto::ServerUrl;

    use super::*;
    use crate::options::ConnectOptions;

    async fn proof(login: &Login, of_urls: &UrlCredentials, server: &str) -> ResolvedAuth {
        let server = ServerUrl::new(server).unwrap();
        let challenge =
            session::Challenge { server, nonce: "", auth_required: true, headers: true };
        login.prove(of_urls, &challenge).await.unwrap()
    }

    /// User, password and token that are sent to a server.
    async fn told(mut options: ConnectOptions, server: &str) -> String {
        let login = options.login().unwrap();
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
        let login = ConnectOptions::new().name("n").no_echo().login().unwrap();
        let proof = proof(&login, &UrlCredentials::default(), "a").await;
        let connect = login.connect(true, &proof);
        assert_eq!((connect.name, connect.echo, connect.verbose), (Some("n"), false, false));
        assert!(connect.headers && connect.no_responders);
        let connect = login.connect(false, &proof);
        assert!(!connect.headers && !connect.no_responders, "no responders need headers");
        assert!(!connect.pedantic);
        let login = ConnectOptions::new().pedantic().login().unwrap();
        assert!(login.connect(true, &proof).pedantic);
    }
}
