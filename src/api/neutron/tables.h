/* tables.h - the route tables of this face. */
#pragma once
#include "api/core/route.h"

extern const struct route neutron_network_routes[], neutron_subnet_routes[], neutron_subnetpool_routes[], neutron_port_routes[],
    neutron_router_routes[], neutron_floating_routes[], neutron_group_routes[], neutron_quota_routes[], neutron_tag_routes[],
    neutron_extension_routes[], neutron_agent_routes[], neutron_availability_routes[];
