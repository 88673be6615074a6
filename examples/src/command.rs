//! Shared by the command-line programs: arguments, errors, signals.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use nats_tokio::Client;
use nats_tokio::CloseReason;
use nats_tokio::ConnectOptions;
use nats_tokio::EndReason;
use nats_tokio::Event;
use nats_tokio::Message;
use nats_tokio::Subscriber;

/// What a program exits with whose arguments make no sense.
const MISUSED: u8 = 2;
/// And one that was interrupted twice.
const INTERRUPTED: i32 = 130;
/// How long a server may take to confirm the last words of a program that was told to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// The arguments make no sense: this is how to use the program.
#[derive(Debug)]
pub struct Misuse(pub &'static str);

impl fmt::Display for Misuse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl Error for Misuse {}

/// The program's arguments; `--help` prints `usage` and ends the program.
#[must_use]
pub fn arguments(usage: &str) -> Vec<String> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if matches!(arguments.first().map(String::as_str), Some("--help" | "-h")) {
        println!("{usage}");
        std::process::exit(0);
    }
    arguments
}

/// A count among the arguments.
///
/// # Errors
///
/// If it is no number.
pub fn count(argument: &str, usage: &'static str) -> Result<u64, Misuse> {
    argument.parse().map_err(|_| Misuse(usage))
}

/// Ends a program: what went wrong in words, with what that was caused by.
#[must_use]
pub fn end(result: Result<(), Box<dyn Error>>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    if error.is::<Misuse>() {
        eprintln!("{error}");
        return ExitCode::from(MISUSED);
    }
    eprintln!("error: {}", chain(&*error));
    ExitCode::FAILURE
}

/// The texts of an error and of its causes.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        // Some say so themselves.
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

/// Connects to the server at `NATS_URL`, by default `nats://127.0.0.1:4222`, and says so on standard error
/// when the connection is lost, and when there is one again.
///
/// # Errors
///
/// If there is no connection.
pub async fn connect() -> Result<Client, nats_tokio::ConnectError> {
    let url = std::env::var("NATS_URL").unwrap_or_else(|_| "nats://127.0.0.1:4222".to_owned());
    connect_to(&url).await
}

/// The same with other servers.
///
/// # Errors
///
/// If there is no connection.
pub async fn connect_to(url: &str) -> Result<Client, nats_tokio::ConnectError> {
    let options = ConnectOptions::new().flush_timeout(PATIENCE).drain_timeout(PATIENCE);
    let client = options.connect(url).await?;
    let mut events = client.events();
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            match event {
                Event::Disconnected { reason: cause, .. } => {
                    eprintln!("the connection is lost ({cause}): connecting again");
                }
                Event::Reconnected { server, .. } => eprintln!("reconnected to {server}"),
                Event::ServerError { text, .. } => eprintln!("server error: {text}"),
                Event::Closed { reason: CloseReason::Closed | CloseReason::Drained, .. } => {}
                Event::Closed { reason, .. } => eprintln!("closed for good: {reason}"),
                _ => {}
            }
        }
    });
    Ok(client)
}

/// Messages, until the program is told to stop, by Ctrl-C or by SIGTERM: then those that are on their way.
/// Told a second time, it ends at once.
pub struct UntilStopped {
    subscriber: Subscriber,
    told: Pin<Box<dyn Future<Output = ()>>>,
    is_stopping: bool,
}

impl UntilStopped {
    /// Listens to the signals from now on.
    #[must_use]
    pub fn new(subscriber: Subscriber) -> Self {
        Self { subscriber, told: Box::pin(interrupted()), is_stopping: false }
    }

    /// The next message, `None` behind the last one.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Message> {
        loop {
            tokio::select! {
                message = self.subscriber.next() => return message,
                () = &mut self.told, if !self.is_stopping => {
                    self.is_stopping = true;
                    self.subscriber.drain();
                    tokio::spawn(async {
                        interrupted().await;
                        std::process::exit(INTERRUPTED);
                    });
                }
                // The server does not answer.
                () = tokio::time::sleep(PATIENCE), if self.is_stopping => return None,
            }
        }
    }

    /// Whether the end was one that is wanted.
    ///
    /// # Errors
    ///
    /// If it was not.
    pub fn ended(&self) -> Result<(), &'static str> {
        match self.subscriber.ended() {
            _ if self.is_stopping => Ok(()),
            Some(EndReason::NotPermitted) => Err("the server does not permit the subscription"),
            Some(EndReason::Closed) => Err("the connection is closed"),
            _ => Ok(()),
        }
    }
}

/// Ctrl-C, or SIGTERM, from this call on: the future may be polled late.
#[cfg(unix)]
pub fn interrupted() -> impl Future<Output = ()> {
    use tokio::signal::unix::SignalKind;
    use tokio::signal::unix::signal;
    let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    async {
        let [Ok(mut interrupt), Ok(mut terminate)] = signals else {
            // Then they end the program as they always do.
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

/// Ctrl-C, from the first poll on.
#[cfg(not(unix))]
pub async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
