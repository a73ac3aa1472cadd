CREATE DATABASE shop;
create database if not exists shop with (mmap.enabled = true, replica = 1);
