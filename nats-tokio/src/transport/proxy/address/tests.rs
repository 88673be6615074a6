use nats_proto::UrlError;

use super::*;

/// All that is read from an address.
fn read(text: &str) -> Result<String, ProxyUrlError> {
    let Proxy { protocol, host, port, credentials } = Proxy::new(text)?;
    let credentials = credentials.map_or_else(String::new, |credentials| {
        format!(" {}:{}", *credentials.user, *credentials.password)
    });
    Ok(format!("{protocol:?} {host} {port}{credentials}"))
}

#[test]
fn addresses() {
    for (text, expected) in [
        ("http://proxy.example", "Http proxy.example 80"),
        ("HTTP://proxy.example:443/", "Http proxy.example 443"),
        ("http://proxy.example:80", "Http proxy.example 80"),
        ("socks5://[::1]", "Socks5 ::1 1080"),
        (" socks5h://127.0.0.1:80 ", "Socks5 127.0.0.1 80"),
        ("http://mary:s%40%3A%2F@p:3128", "Http p 3128 mary:s@:/"),
        ("http://mary@p:3128", "Http p 3128 mary:"),
        ("socks5://ma%3Ary:p@p", "Socks5 p 1080 ma:ry:p"),
    ] {
        assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_none() {
    let long = "x".repeat(256);
    for (text, expected) in [
        ("", ProxyUrlError::Scheme),
        ("proxy.example:3128", ProxyUrlError::Scheme),
        ("https://proxy.example", ProxyUrlError::Scheme),
        ("socks4://proxy.example", ProxyUrlError::Scheme),
        ("http://", ProxyUrlError::Address(UrlError::Host)),
        ("http://a b", ProxyUrlError::Address(UrlError::Host)),
        ("http://a\r\nb", ProxyUrlError::Address(UrlError::Host)),
        ("http://a,b", ProxyUrlError::Address(UrlError::Host)),
        ("http://a:0", ProxyUrlError::Address(UrlError::Port)),
        ("http://u:p/w@a", ProxyUrlError::Address(UrlError::Unescaped)),
        ("http://a/path", ProxyUrlError::Path),
        ("socks5://a?x", ProxyUrlError::Path),
        ("http://ma%3Ary:p@a", ProxyUrlError::Credentials),
        ("http://%FF:p@a", ProxyUrlError::Credentials),
        ("socks5://mary@a", ProxyUrlError::Credentials),
        ("socks5://:p@a", ProxyUrlError::Credentials),
        (&format!("socks5://u:{long}@a"), ProxyUrlError::Credentials),
        (&format!("socks5://{long}:p@a"), ProxyUrlError::Credentials),
    ] {
        assert_eq!(read(text), Err(expected), "{text}");
    }
}
