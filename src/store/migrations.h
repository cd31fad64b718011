/* migrations.h - the migrations of sql/, embedded at build time, in order of their numbers. */
#pragma once
#include "store/store.h"

extern const struct migration store_migrations[];
extern const size_t n_store_migrations;
