//! The servers to connect to.

use nats_proto::ServerUrl;

use crate::error::ConnectError;

/// Addresses of servers: one text, with commas between them, or several texts.
///
/// A comma in a password is written `%2C`, and `/`, `?`, `#` and `%` are `%2F`, `%3F`, `%23` and
/// `%25`: `nats://user:pa%2Css%2Fword@host`.
pub trait IntoServers {
    /// The addresses, each of which may still be a list.
    fn into_servers(self) -> Vec<String>;
}

impl IntoServers for &str {
    fn into_servers(self) -> Vec<String> {
        vec![self.to_owned()]
    }
}

impl IntoServers for String {
    fn into_servers(self) -> Vec<String> {
        vec![self]
    }
}

impl IntoServers for &String {
    fn into_servers(self) -> Vec<String> {
        vec![self.clone()]
    }
}

impl<T: Into<String>> IntoServers for Vec<T> {
    fn into_servers(self) -> Vec<String> {
        self.into_iter().map(Into::into).collect()
    }
}

impl<T: AsRef<str>> IntoServers for &[T] {
    fn into_servers(self) -> Vec<String> {
        self.iter().map(|text| text.as_ref().to_owned()).collect()
    }
}

impl<T: Into<String>, const N: usize> IntoServers for [T; N] {
    fn into_servers(self) -> Vec<String> {
        self.into_iter().map(Into::into).collect()
    }
}

/// The default address.
const DEFAULT_SERVER: &str = "nats://localhost:4222";

/// All addresses in the lists, but for empty ones.
pub(crate) fn parse_servers(lists: &[String]) -> Result<Vec<ServerUrl<'_>>, ConnectError> {
    if let [list] = lists
        && list.trim().is_empty()
    {
        return ServerUrl::new(DEFAULT_SERVER)
            .map(|url| vec![url])
            .map_err(ConnectError::InvalidUrl);
    }
    let entries = lists.iter().flat_map(|list| list.split(','));
    let is_list = entries.clone().nth(1).is_some();
    let mut servers = Vec::new();
    for (number, entry) in (1..).zip(entries).filter(|(_, entry)| !entry.trim().is_empty()) {
        let url = ServerUrl::new(entry);
        let url = url.map_err(|error| if is_list { error.of_entry(number) } else { error });
        servers.push(url.map_err(ConnectError::InvalidUrl)?);
    }
    if servers.is_empty() {
        return Err(ConnectError::NoServers);
    }
    if !cfg!(feature = "websocket") && servers.iter().any(|url| url.scheme().is_websocket()) {
        return Err(ConnectError::WebSocketUnsupported);
    }
    Ok(servers)
}
