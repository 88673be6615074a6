//! Core NATS, step by step: `cargo run --example quickstart`.
//!
//! Talks to the server at `NATS_URL`, or to a small broker in this process.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use nats_examples::command;
use nats_examples::command::Misuse;
use nats_tokio::Client;
use nats_tokio::HeaderMap;
use nats_tokio::RequestError;

const USAGE: &str = "usage: quickstart

Shows what core NATS can do, with the server at NATS_URL, or with a small broker in this process.";

#[tokio::main]
async fn main() -> ExitCode {
    command::end(show(&command::arguments(USAGE)).await)
}

async fn show(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    if !arguments.is_empty() {
        return Err(Misuse(USAGE).into());
    }
    let client = nats_tokio::connect(nats_examples::server_url()?).await?;
    let server = client.server_info();
    println!("connected to {} {} at {}", server.server_name, server.version, server.address);

    publish_and_subscribe(&client).await?;
    share_work_in_a_queue_group(&client).await?;
    request_and_reply(&client).await?;
    send_headers(&client).await?;

    let statistics = client.statistics();
    println!("\nsent {} messages, got {}", statistics.out_messages, statistics.in_messages);
    client.drain().await?;
    println!("drained: everything sent has arrived, everything received was taken");
    Ok(())
}

async fn publish_and_subscribe(client: &Client) -> Result<(), Box<dyn Error>> {
    println!("\n— publish and subscribe, with wildcards —");
    let mut every_lamp = client.subscribe("home.*.lamp").await?;
    let mut everything = client.subscribe("home.>").await?;
    client.publish("home.kitchen.lamp", "on").await?;
    client.publish("home.hall.lamp", "off").await?;
    client.publish("home.hall.door.lock", "closed").await?;
    for (name, subscriber, count) in
        [("home.*.lamp", &mut every_lamp, 2), ("home.>", &mut everything, 3)]
    {
        for _ in 0..count {
            let message = subscriber.next().await.ok_or("the subscription ended")?;
            println!("{name:12} got {}: {}", message.subject(), text(message.payload()));
        }
    }
    Ok(())
}

async fn share_work_in_a_queue_group(client: &Client) -> Result<(), Box<dyn Error>> {
    println!("\n— a queue group: each job goes to one of its members —");
    let mut members = Vec::new();
    for _ in 0..3 {
        members.push(client.queue_subscribe("jobs", "workers").await?);
    }
    for job in 0..9 {
        client.publish("jobs", format!("job {job}")).await?;
    }
    // The server has dealt with the jobs when this is back, and so everything has arrived.
    client.flush().await?;
    let mut done = 0;
    for (number, member) in members.iter_mut().enumerate() {
        let mut jobs = Vec::new();
        while let Some(message) = member.try_next() {
            jobs.push(text(message.payload()));
        }
        done += jobs.len();
        println!("worker {number} did {}: {}", jobs.len(), jobs.join(", "));
    }
    if done == 9 { Ok(()) } else { Err(format!("{done} of 9 jobs were done").into()) }
}

async fn request_and_reply(client: &Client) -> Result<(), Box<dyn Error>> {
    println!("\n— request and reply —");
    let mut requests = client.subscribe("shout").await?;
    let service = client.clone();
    let task = tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            let answer = text(request.payload()).to_uppercase();
            service.respond(&request, answer).await?;
        }
        Ok::<(), nats_tokio::PublishError>(())
    });
    let reply = client.request("shout", "hello").timeout(Duration::from_secs(2)).await?;
    println!("asked to shout hello, got {}", text(reply.payload()));
    task.abort();

    match client.request("nobody.there", "hello?").await {
        Err(RequestError::NoResponders) => println!("asked nobody, and was told so at once"),
        other => return Err(format!("expected no responders: {other:?}").into()),
    }
    Ok(())
}

async fn send_headers(client: &Client) -> Result<(), Box<dyn Error>> {
    println!("\n— headers —");
    let mut readings = client.subscribe("reading").await?;
    let mut headers = HeaderMap::new();
    headers.append("Unit", "°C")?;
    headers.append("Room", "kitchen")?;
    headers.append("Room", "first floor")?;
    client.publish("reading", "21.5").headers(&headers).await?;
    let message = readings.next().await.ok_or("the subscription ended")?;
    println!("got {} with", text(message.payload()));
    for (name, value) in message.headers().iter() {
        println!("  {name}: {value}");
    }
    Ok(())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
