//! What `quickstart` does with nats-tokio, without Tokio: `cargo run --package nats-smol`.
//!
//! Talks to the server at `NATS_URL`, by default `nats://127.0.0.1:4222`.

use std::error::Error;
use std::iter::successors;
use std::process::ExitCode;
use std::time::Duration;

use nats_proto::HeaderBuf;
use nats_proto::Subject;
use nats_proto::wire::Publish;
use nats_smol::Client;
use nats_smol::Options;
use nats_smol::RequestError;
use nats_smol::SmolNetwork;

const USAGE: &str = "usage: nats-smol

Shows what core NATS can do, with the server at NATS_URL, by default nats://127.0.0.1:4222.";

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        None => {}
        Some("--help" | "-h") => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Some(_) => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    }
    let Err(error) = smol::block_on(show()) else { return ExitCode::SUCCESS };
    let causes = successors(Some(&*error), |&error| error.source());
    let words: Vec<_> = causes.map(ToString::to_string).collect();
    eprintln!("error: {}", words.join(": "));
    ExitCode::FAILURE
}

async fn show() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("NATS_URL");
    let mut options = Options::new(url.as_deref().unwrap_or("nats://127.0.0.1:4222"));
    options.name = Some("nats-smol".to_owned());
    // A program that only shows something gives up at once.
    options.config.retry_on_initial_connect = false;
    options.on_notice = Box::new(|notice| println!("({notice:?})"));
    let (client, driver) = nats_smol::connect(SmolNetwork::new(), options)?;
    smol::spawn(driver).detach();

    publish_and_subscribe(&client).await?;
    share_work_in_a_queue_group(&client).await?;
    request_and_reply(&client).await?;
    send_headers(&client).await?;

    client.drain().await?;
    println!("drained: everything sent has arrived, everything received was taken");
    Ok(())
}

async fn publish_and_subscribe(client: &Client) -> Result<(), Box<dyn Error>> {
    println!("\n— publish and subscribe, with wildcards —");
    let mut every_lamp = client.subscribe("home.*.lamp")?;
    let mut everything = client.subscribe("home.>")?;
    client.publish("home.kitchen.lamp", b"on").await?;
    client.publish("home.hall.lamp", b"off").await?;
    client.publish("home.hall.door.lock", b"closed").await?;
    for (name, subscription, count) in
        [("home.*.lamp", &mut every_lamp, 2), ("home.>", &mut everything, 3)]
    {
        for _ in 0..count {
            let message = subscription.next().await.ok_or("the subscription ended")?;
            println!("{name:12} got {}: {}", message.subject(), text(message.payload()));
        }
    }
    Ok(())
}

async fn share_work_in_a_queue_group(client: &Client) -> Result<(), Box<dyn Error>> {
    println!("\n— a queue group: each job goes to one of its members —");
    let mut members = Vec::new();
    for _ in 0..3 {
        members.push(client.queue_subscribe("jobs", "workers")?);
    }
    for job in 0..9 {
        client.publish("jobs", format!("job {job}").as_bytes()).await?;
    }
    // The server has dealt with the jobs when this is back, and so everything has arrived.
    if !client.flush().await {
        return Err("the connection was lost".into());
    }
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
    let mut requests = client.subscribe("shout")?;
    let service = client.clone();
    let task = smol::spawn(async move {
        while let Some(request) = requests.next().await {
            let answer = text(request.payload()).to_uppercase();
            service.respond(&request, answer.as_bytes()).await?;
        }
        Ok::<(), nats_smol::Error>(())
    });
    let patience = Duration::from_secs(2);
    let reply = client.request("shout", b"hello", patience).await?;
    println!("asked to shout hello, got {}", text(reply.payload()));
    drop(task);

    match client.request("nobody.there", b"hello?", patience).await {
        Err(RequestError::NoResponders) => println!("asked nobody, and was told so at once"),
        other => return Err(format!("expected no responders: {other:?}").into()),
    }
    Ok(())
}

async fn send_headers(client: &Client) -> Result<(), Box<dyn Error>> {
    println!("\n— headers —");
    let mut readings = client.subscribe("reading")?;
    let mut headers = HeaderBuf::<Vec<u8>>::default();
    headers.append("Unit", "°C")?;
    headers.append("Room", "kitchen")?;
    headers.append("Room", "first floor")?;
    let reading = Publish::new(Subject::from_static("reading"), b"21.5");
    client.send(&Publish { headers: headers.as_headers(), ..reading }).await?;
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
