"""The mail channel: a support mailbox. Each file is one room; understanding a message needs no other one."""
