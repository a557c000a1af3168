//! `Outputs`: nothing is made of them here, but a wrong one refuses the deployment.

use crate::eval::Stop;
use crate::finding::Finding;
use crate::node::Entry;
use crate::node::Node;
use crate::read::Reader;

impl Reader<'_> {
    /// Notes outputs that CloudFormation refuses.
    pub(super) fn check_outputs(&mut self, document: &Node) {
        let outputs = document.get("Outputs").map_or(&[][..], Node::entries);
        for output in outputs {
            match self.output(output) {
                Ok(()) | Err(Stop::Unresolved(_)) => {}
                Err(Stop::Wrong(finding)) => self.findings.fails_on_aws(finding),
            }
        }
    }

    fn output(&mut self, output: &Entry) -> Result<(), Stop> {
        let Entry { key, at, value } = output;
        let condition = value.get("Condition");
        if let Some((name, condition)) = condition.and_then(|node| Some((node.as_text()?, node)))
            && !self.scope.decide(name, &condition.at)?
        {
            return Ok(());
        }
        let Some(of) = value.get("Value") else {
            let what = format!("the output `{key}` has no `Value`");
            return Err(Stop::Wrong(Finding::new(at, what)));
        };
        let export = value.get("Export").and_then(|export| export.get("Name"));
        for node in [Some(of), export].into_iter().flatten() {
            self.check_forgotten_sub(node);
            self.scope.text(node)?;
        }
        Ok(())
    }
}
