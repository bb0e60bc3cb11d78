mod file;
mod file_follow;
mod kit;
