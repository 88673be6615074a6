//! A hub, and leaf nodes that devices connect to, each with an account of its own.

use std::net::TcpListener;
use std::time::Duration;

use nats_tests::NatsServer;
use nats_tokio::Client;
use nats_tokio::Subscriber;

use crate::device::PASSWORD;
use crate::device::USER;

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Site {
    /// At the hub.
    pub(crate) client: Client,
    pub(crate) leaves: Vec<NatsServer>,
    leaf_port: u16,
    _hub: NatsServer,
}

impl Site {
    pub(crate) async fn start(leaves: usize) -> Self {
        let leaf_port = free_port();
        let hub = NatsServer::start(&format!(
            "leafnodes {{ listen: \"127.0.0.1:{leaf_port}\"
               authorization {{ user: leaf, password: leaf }} }}
             jetstream {{ store_dir: $STORE, domain: hub }}"
        ));
        let client = nats_tokio::connect(&hub.url()).await.expect("the hub is up");
        serve_time(&client).await;
        let start = |number| NatsServer::start(&leaf_config(leaf_port, number, PASSWORD));
        let leaves = (0..leaves).map(start).collect();
        Self { client, leaves, leaf_port, _hub: hub }
    }

    pub(crate) fn ports(&self) -> Vec<u16> {
        self.leaves.iter().map(NatsServer::port).collect()
    }

    /// Kills the first leaf, lets `meanwhile` pass, and starts it again.
    pub(crate) async fn restart_leaf(&mut self, meanwhile: Duration) {
        self.kill_leaf();
        tokio::time::sleep(meanwhile).await;
        self.start_leaf();
    }

    /// Kills the first leaf.
    pub(crate) fn kill_leaf(&mut self) {
        self.leaves[0].kill();
    }

    /// Starts the first leaf again, with what it has stored.
    pub(crate) fn start_leaf(&mut self) {
        self.leaves[0].restart(&leaf_config(self.leaf_port, 0, PASSWORD));
    }

    /// The first leaf, for a client of its account.
    pub(crate) fn leaf_url(&self) -> String {
        let password = PASSWORD.replace(' ', "_");
        format!("nats://{USER}:{password}@127.0.0.1:{}", self.leaves[0].port())
    }

    /// Has the first leaf take another password.
    pub(crate) fn change_password(&self, password: &str) {
        self.leaves[0].reload(&leaf_config(self.leaf_port, 0, password));
    }

    /// What comes to a subject.
    pub(crate) async fn subscribe(&self, subject: &str) -> Subscriber {
        let subscriber = self.client.subscribe(subject).await.expect("a subscription");
        self.client.flush().await.expect("the hub has it");
        subscriber
    }

    /// Asks a device until it answers: it may not be there yet.
    pub(crate) async fn ask(&self, subject: &str, payload: &str) -> String {
        let asking = async {
            loop {
                let request = self.client.request(subject, payload.to_owned());
                match request.timeout(Duration::from_secs(1)).await {
                    Ok(reply) => break String::from_utf8_lossy(reply.payload()).into_owned(),
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        within(subject, asking).await
    }

    /// A number out of a device's status.
    pub(crate) async fn status(&self, id: &str, name: &str) -> u32 {
        number(&self.ask(&format!("device.{id}.status"), "").await, name)
    }

    /// Waits until a number in a device's status is as it should be.
    pub(crate) async fn until(&self, id: &str, name: &str, is_it: impl Fn(u32) -> bool) {
        let waiting = async {
            while !is_it(self.status(id, name).await) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        within(name, waiting).await;
    }
}

/// A number out of what a device says of itself: `name=1`.
pub(crate) fn number(status: &str, name: &str) -> u32 {
    let value = status.split([' ', '=']).skip_while(|word| *word != name).nth(1);
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{status}"))
}

/// The next number that a device publishes.
pub(crate) async fn next_number(telemetry: &mut Subscriber) -> u32 {
    let message = within("telemetry", telemetry.next()).await.expect("it goes on");
    let text = String::from_utf8_lossy(message.payload()).into_owned();
    text.parse().unwrap_or_else(|_| panic!("a number: {text}"))
}

/// Waits, but not for ever.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    within_time(PATIENCE, what, future).await
}

/// Waits no longer than this.
pub(crate) async fn within_time<T>(
    patience: Duration,
    what: &str,
    future: impl Future<Output = T>,
) -> T {
    let waited = tokio::time::timeout(patience, future).await;
    waited.unwrap_or_else(|_| panic!("{what}: nothing within {} s", patience.as_secs()))
}

/// A service for devices.
async fn serve_time(client: &Client) {
    let mut requests = client.subscribe("hub.time").await.expect("a subscription");
    let client = client.clone();
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            if let Some(reply) = request.reply() {
                let _ = client.publish(reply, "half past ten").await;
            }
        }
    });
}

fn leaf_config(leaf_port: u16, number: usize, password: &str) -> String {
    let password = password.replace(' ', "_");
    format!(
        "accounts {{
           DEVICES {{ jetstream: enabled, users: [ {{ user: {USER}, password: \"{password}\" }} ] }}
         }}
         leafnodes {{
           reconnect: 1
           remotes: [ {{ url: \"nats-leaf://leaf:leaf@127.0.0.1:{leaf_port}\", account: DEVICES }} ]
         }}
         jetstream {{ store_dir: $STORE, domain: leaf{number} }}
         lame_duck_grace_period: 1s
         lame_duck_duration: 30s"
    )
}

/// A port of this machine that is free now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its number").port()
}
