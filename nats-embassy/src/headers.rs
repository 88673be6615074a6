//! Headers to be published.

use nats_proto::wire::ArrayBuf;

/// Headers to be published, in memory for `N` bytes.
///
/// ```
/// use nats_embassy::HeaderBuf;
///
/// let mut headers = HeaderBuf::<64>::new();
/// headers.append("Unit", "°C")?;
/// assert_eq!(headers.as_headers().get("Unit"), Some("°C"));
/// # Ok::<(), nats_embassy::HeaderError>(())
/// ```
pub type HeaderBuf<const N: usize> = nats_proto::HeaderBuf<ArrayBuf<N>>;
