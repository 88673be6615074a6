//! The faults.

use std::time::Duration;

use nats_tests::Cluster;

use crate::traffic::Traffic;

/// How often each fault was injected, and whose turn it is.
#[derive(Default)]
pub(crate) struct Faults {
    counts: [u32; FAULTS.len()],
    round: usize,
}

const FAULTS: [&str; 5] =
    ["kill -9", "lame duck, then gone", "hanging (SIGSTOP)", "rolling restart", "forced reconnect"];

impl Faults {
    /// Does something bad to one server or all of them, and makes it good again.
    pub(crate) async fn inject(&mut self, cluster: &mut Cluster, traffic: &Traffic) {
        let fault = self.round % FAULTS.len();
        let node = (self.round / FAULTS.len() + self.round) % cluster.size();
        self.round += 1;
        self.counts[fault] += 1;
        match fault {
            0 => {
                cluster.kill_node(node);
                pause(2_000).await;
                cluster.start_node(node);
            }
            1 => {
                cluster.node(node).signal("USR2");
                pause(6_000).await;
                cluster.kill_node(node);
                cluster.start_node(node);
            }
            2 => {
                cluster.node(node).signal("STOP");
                pause(5_000).await;
                cluster.node(node).signal("CONT");
            }
            3 => {
                for node in 0..cluster.size() {
                    cluster.kill_node(node);
                    cluster.start_node(node);
                    cluster.wait_until_whole();
                    pause(2_000).await;
                }
            }
            _ => {
                for _ in 0..5 {
                    traffic.reconnect();
                    pause(200).await;
                }
            }
        }
        cluster.wait_until_whole();
    }

    pub(crate) fn print(&self) {
        println!("| fault | injected |\n|---|---:|");
        for (name, count) in FAULTS.iter().zip(self.counts) {
            println!("| {name} | {count} |");
        }
    }
}

async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
