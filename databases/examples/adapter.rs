//! An adapter for one Redis: reads and writes registers. `perjury run --adapter target/release/examples/adapter --url 127.0.0.1:6379`

use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;

fn main() -> io::Result<()> {
    let address = std::env::var("PERJURY_URL").map_err(io::Error::other)?;
    let mut redis = BufReader::new(TcpStream::connect(address)?);
    for line in io::stdin().lines() {
        let asked: Value = serde_json::from_str(&line?)?;
        let (key, rest) = (&asked["value"][0], &asked["value"][1]);
        let name = key.as_str().unwrap_or_default();
        let answer = match asked["f"].as_str() {
            Some("read") => match command(&mut redis, &format!("GET {name}"))? {
                held if held.starts_with('$') && held != "$-1" => {
                    json!({"type": "ok", "value": [key, read_line(&mut redis)?.parse::<i64>().ok()]})
                }
                held if held == "$-1" => json!({"type": "ok", "value": [key, null]}),
                error => json!({"type": "fail", "error": error}),
            },
            Some("write") => match command(&mut redis, &format!("SET {name} {rest}"))? {
                done if done == "+OK" => json!({"type": "ok"}),
                error => json!({"type": "info", "error": error}),
            },
            _ => json!({"type": "fail", "error": "this adapter only reads and writes"}),
        };
        println!("{answer}");
    }
    Ok(())
}

fn command(redis: &mut BufReader<TcpStream>, words: &str) -> io::Result<String> {
    redis.get_mut().write_all(format!("{words}\r\n").as_bytes())?;
    read_line(redis)
}

fn read_line(redis: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    redis.read_line(&mut line)?;
    Ok(line.trim_end().to_string())
}
