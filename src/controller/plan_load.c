#include "controller/plan_load.h"

#include "controller/plan_guests.h"
#include "controller/plan_nics.h"

int plan_load(struct cx *cx, const char *host_id, struct plan_input *ret_input)
{
    struct plan_nics nics;

    TRY(network_host_view(cx, host_id, &nics.view));
    plan_nics_index(cx, &nics);
    TRY(plan_load_guests(cx, host_id, &nics, &ret_input->guests));
    plan_nics_documents(cx, &nics, ret_input);
    return 0;
}
